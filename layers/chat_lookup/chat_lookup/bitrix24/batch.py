"""`batch`: up to fifty calls in one request, each with its own outcome (bitrix24.md 2.6)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode

from chat_lookup.bitrix24.error_table import PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.responses import Answer, CallTarget, OperatingTime, error_in, operating_time

BATCH: Final = "batch"
MOST_COMMANDS: Final = 50

_OK: Final = 200
"""A batch has this status whatever the outcomes of its commands."""
_LONGEST_COMMAND: Final = 8 * 1024
"""Characters; the longest possible pair takes 6,200, when each of its characters is encoded as twelve."""
_METHOD: Final = r"(?a)\w+(\.\w+)*"
_NOT_AS_IT_IS: Final = re.compile(r"\$.*\[|[\ud800-\udfff]", re.DOTALL)
"""What may be a reference (see `Command.batchable`), and halves of surrogate pairs, which no URL can contain."""


@dataclass(frozen=True, slots=True)
class Command:
    """A call of one method, alone or within a batch; `repr` omits the parameters, which may contain a bot's token.

    Raises `ValueError` for an invalid method name.
    """

    method: str
    params: Mapping[str, object] = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(_METHOD, self.method):
            raise ValueError("not the name of a method")

    @property
    def batchable(self) -> bool:
        """Whether this call can be sent in a batch unchanged; if not, it must be sent alone.

        The platform replaces `$result[key]` in a parameter with an earlier command's result, and it cannot be escaped:
        the URL encoding is decoded before. Its own source (evidence, no contract) does so inside longer text, in any
        case, and with the other containers, such as `$time[…]`. So a parameter with a `$` anywhere before a `[` is not
        sent in a batch. Neither are batches themselves and commands that are too long.
        """
        return _text(self) is not None


BatchOutcome: TypeAlias = Answer | BitrixError | None
"""The outcome of a command; None: it was never run."""


class BatchAnswer(NamedTuple):
    """The outcomes of a batch in the order of its commands, and what it cost as a whole.

    An outcome's `time` is that of its command, its `elapsed` the whole batch's. Some portals bill the method `batch`
    instead of the methods in it: `time` then holds those seconds (bitrix24.md 9, row 9).
    """

    outcomes: tuple[BatchOutcome, ...]
    time: OperatingTime
    elapsed: float


def encoded(commands: Sequence[Command]) -> dict[str, object]:
    """The parameters of `batch` for a JSON POST, in which commands are plain text and values encoded once.

    A command's failure does not halt those that follow. Raises `ValueError` for none, for more than fifty, and for
    one that is not `batchable`.
    """
    if not 0 < len(commands) <= MOST_COMMANDS:
        raise ValueError(f"a batch has 1 to {MOST_COMMANDS} commands")
    texts = [_text(command) for command in commands]
    if None in texts:
        raise ValueError("a command of the batch has to be called alone")
    return {"halt": 0, "cmd": dict(zip(_keys(len(texts)), texts, strict=True))}


def read_batch(answer: Answer, commands: Sequence[Command], asked: CallTarget) -> BatchAnswer | BitrixError:
    """Every command's outcome, or PROTOCOL for all of them if the reply is ambiguous.

    A key in both containers is an error. One that is present with null is a result, one in neither was never run.
    """
    keys = _keys(len(commands))
    containers = answer.result if isinstance(answer.result, dict) else {}
    results, errors, times = (_by_key(containers.get(part)) for part in ("result", "result_error", "result_time"))
    if "result" not in containers or results is None or errors is None or not {*results, *errors} <= set(keys):
        # A result under an unknown key may belong to any of the commands.
        return BitrixError(
            PROTOCOL, _OK, method=BATCH, description="not the outcomes of these commands", webhook=asked.is_webhook
        )

    def outcome(key: str, command: Command) -> BatchOutcome:
        time = times.get(key) if times else None
        error = _refusal(errors.get(key), time, asked, command.method)
        if error is None and key in results:
            return Answer(results[key], operating_time(time), answer.elapsed, _pages(containers, key))
        return error

    return BatchAnswer(tuple(map(outcome, keys, commands)), answer.time, answer.elapsed)


def _pages(containers: Mapping[str, object], key: str) -> dict[str, object]:
    """A list's `next` and `total`, each in its own container."""
    by_name = {name: _by_key(containers.get(f"result_{name}")) or {} for name in ("next", "total")}
    return {name: container[key] for name, container in by_name.items() if key in container}


def _refusal(error: object, time: object, asked: CallTarget, method: str) -> BitrixError | None:
    """A command's error: an object like a single call's, or its code alone; a batch has no status per command (7.0)."""
    body = error if isinstance(error, Mapping) and "error" in error else {"error": error}
    return error_in({"time": time, **body}, _OK, asked, method)


def _by_key(container: object) -> dict[str, object] | None:
    """A container by our keys; a list holds the values of the keys 0, 1, 2 and so on, and is PHP's empty map, too."""
    if isinstance(container, list):
        return dict(zip(_keys(len(container)), container, strict=True))
    if container is None:
        return {}
    return container if isinstance(container, dict) else None


def _keys(count: int) -> list[str]:
    return [f"k{position}" for position in range(count)]


def _text(command: Command) -> str | None:
    """A command as `method?query`; None if it is not `batchable`."""
    pairs = [pair for name, value in command.params.items() for pair in _flat(name, value)]
    if command.method.casefold() == BATCH or any(_NOT_AS_IT_IS.search(part) for pair in pairs for part in pair):
        return None
    text = f"{command.method}?{urlencode(pairs, quote_via=quote, safe='')}"
    return text if len(text) <= _LONGEST_COMMAND else None


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A parameter flattened like PHP's `http_build_query`: `select[0]` and its value, nothing for null."""
    if isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _flat(f"{name}[{key}]", item)
    elif isinstance(value, bool):
        yield name, str(int(value))
    elif isinstance(value, str | int | float):
        yield name, str(value)
    elif value is not None:
        raise TypeError(f"a parameter cannot be {type(value).__name__}")
