"""The list of calls that the portal received, for tests and people who check what was sent."""

import re
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_MOST_CALLS = 100_000  # then the oldest are dropped: a portal may run for days
MASK = "***"
_SHORTEST = 8
"""A shorter secret, which only a caller can choose, is masked by its name alone: else it blots out innocent words."""

_SECRET_NAMES = frozenset(
    ("auth", "bottoken", "client_id", "client_secret", "access_token", "refresh_token", "application_token")
)
_SECRET_IN_QUERY = re.compile(rf"(?i)\b({'|'.join(_SECRET_NAMES)})=[^&]*")


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One HTTP request. `status` is None where the connection was cut; a batch is one call."""

    at: float
    method: str
    params: Mapping[str, object]
    status: int | None
    error: str | None


class CallLog:
    """Written at each request, hence cheap; secrets are masked when it is read."""

    def __init__(self) -> None:
        self._calls: deque[RecordedCall] = deque(maxlen=_MOST_CALLS)

    def add(self, call: RecordedCall) -> None:
        self._calls.append(call)

    def clear(self) -> None:
        self._calls.clear()

    def listed(
        self, secrets: Collection[str], method: str | None = None, last: int | None = None
    ) -> list[dict[str, object]]:
        """The calls in order, of one method (in any case) if it is given, only the `last` ones if that is given; every
        secret in them is masked."""
        calls = [call for call in self._calls if method is None or call.method.lower() == method.lower()]
        return [
            {
                "at": call.at,
                "method": _mask(call.method, secrets),
                "params": _mask(call.params, secrets),
                "status": call.status,
                "error": call.error,
            }
            for call in (calls if last is None else calls[-last:])
        ]


def _mask(value: object, secrets: Collection[str]) -> object:
    """Masks by name, in the values of a query (commands of a batch), and every known secret in any text."""
    if isinstance(value, Mapping):
        return {
            str(_mask(name, secrets)): MASK if str(name).lower() in _SECRET_NAMES else _mask(item, secrets)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_mask(item, secrets) for item in value]
    if not isinstance(value, str):
        return value
    value = _SECRET_IN_QUERY.sub(rf"\1={MASK}", value)
    for secret in secrets:
        value = value.replace(secret, MASK) if len(secret) >= _SHORTEST else value
    return value
