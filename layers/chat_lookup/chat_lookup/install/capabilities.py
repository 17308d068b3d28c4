"""Reads a portal's capabilities, once when the application is installed (design 5, Which method)."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.portals.failures import passing
from chat_lookup.portals.portal import DEFAULT_BURST, DEFAULT_RATE, Portal

_SCOPE: Final = r"[a-z0-9_.]{1,64}"
_MOST_SCOPES: Final = 200
_ENTERPRISE: Final = "ent"
_ENTERPRISE_PACE: Final = (5.0, 250)
"""Requests a second and at once of the largest plan (bitrix24.md 6.1); recognised by the plan's family (1.16)."""

_BOT_METHODS: Final = (("v2", "imbot.v2.bot.register"), ("v1", "imbot.register"))
"""The families of bot methods, the better one first; `method.get` needs lower case (bitrix24.md 1.17)."""


class Capabilities(NamedTuple):
    """`scopes` is None where the portal refused them; `bot_api` is empty where no bot can be registered."""

    scopes: frozenset[str] | None
    bot_api: str
    bot_revision: int | None
    rate: float
    burst: int


def probe(calls: PortalCalls, portal: Portal, deadline: Deadline) -> Capabilities:
    """Call the portal. Raises as `PortalCalls.call` where it does not reply; a refusal is a result."""

    def asked(method: str, params: Mapping[str, object]) -> object:
        try:
            return calls.call(portal, method, params, deadline).result
        except BitrixError as error:
            if passing(error):
                raise
            return None

    scopes = granted_scopes(asked("scope", {}))
    bot_api = ""
    if scopes is None or "imbot" in scopes:
        bot_api = next((api for api, name in _BOT_METHODS if _available(asked("method.get", {"name": name}))), "")
    revision = asked("imbot.v2.Revision.get", {}) if bot_api == "v2" else None
    rate, burst = _pace(asked("app.info", {}))
    return Capabilities(scopes, bot_api, _revision(revision), rate, burst)


def granted_scopes(result: object) -> frozenset[str] | None:
    """The names in the result of `scope`, as many as a record has room for; None where there is none."""
    if not isinstance(result, list):
        return None
    names = result[:_MOST_SCOPES]
    return frozenset(name for name in names if isinstance(name, str) and re.fullmatch(_SCOPE, name)) or None


def _available(result: object) -> bool:
    return isinstance(result, dict) and result.get("isExisting") is True and result.get("isAvailable") is True


def _revision(result: object) -> int | None:
    revision = result.get("rest") if isinstance(result, dict) else None
    return revision if type(revision) is int else None


def _pace(result: object) -> tuple[float, int]:
    family = result.get("LICENSE_FAMILY") if isinstance(result, dict) else None
    return _ENTERPRISE_PACE if family == _ENTERPRISE else (DEFAULT_RATE, DEFAULT_BURST)
