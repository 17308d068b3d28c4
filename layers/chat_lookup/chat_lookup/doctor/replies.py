"""What is wrong according to the portal's replies to the calls of one batch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from chat_lookup.bitrix24.batch import BatchOutcome
from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.doctor.findings import Finding, FindingCode, quoted
from chat_lookup.install.registration import EVENTS, INSTALL_PATH
from chat_lookup.portals.portal import Portal, PortalKind

SCOPES: Final[Mapping[str, str]] = {
    "im": "look-ups fall back to deprecated methods, details of chats and X-Bitrix24-Token do not work",
    "imbot": "there is no bot: no answers in chats, and no events of them",
    "imopenlines": "open lines that im.chat.get does not find, and those of an object, are not found",
    "crm": "the chats of an object lack those of its contacts and its company",
    "task": "chats of tasks that only the task itself names are reported as not found",
}
"""Each scope that the service uses, with what does not work without it."""

_BOTS: Final[Mapping[str, str]] = {"v2": "imbot.v2.Bot.list", "v1": "imbot.bot.list"}
_BOUGHT: Final = ("D", "T", "P")
"""Statuses of an application whose time can run out: demo, trial, paid. A subscription (S) is paid elsewhere
(bitrix24.md 1.16, 10.6). A tuple, since a portal may send a list in their place, which no set can look up."""
_MOST_SHOWN: Final = 200
_NO_TOKEN: Final = "BOT_TOKEN_NOT_SPECIFIED"  # noqa: S105 - a code of the portal
_WEBHOOK: Final = "webhook"


def commands(portal: Portal) -> tuple[Command, ...]:
    """The calls of the batch: a webhook has neither an application nor bindings (bitrix24.md 1.15, 1.16)."""
    methods = ["scope"]
    if portal.kind is PortalKind.OAUTH:
        methods += ["profile", "app.info", "event.get"]
    if portal.bot_id is not None:
        methods.append(_BOTS.get(portal.bot_api, _BOTS["v2"]))
    return tuple(Command(method, {}) for method in methods)


def from_replies(portal: Portal, asked: Sequence[Command], outcomes: Sequence[BatchOutcome]) -> Iterator[Finding]:
    """The findings in the outcomes of `commands`, whatever their form: an odd reply is a finding of its own."""
    administrator = True
    for command, outcome in zip(asked, outcomes, strict=True):
        if command.method == "event.get" and not administrator:
            # Other users see only the bindings of their own (bitrix24.md 10.6): nothing follows from what lacks.
            continue
        if isinstance(outcome, Answer):
            if command.method == "profile":
                administrator = _is_administrator(outcome.result)
            yield from _READERS[command.method](portal, outcome.result)
        elif not (isinstance(outcome, BitrixError) and outcome.code == _NO_TOKEN):
            # Without a bot's token a webhook cannot list it: nothing is wrong with that.
            code = quoted(outcome.code) if isinstance(outcome, BitrixError) else "no reply"
            yield Finding(FindingCode.NOT_CHECKED, f"The portal does not answer {command.method}: {code}")
    if portal.kind is PortalKind.OAUTH and portal.bot_id is None and portal.grants("imbot"):
        yield Finding(FindingCode.BOT_NOT_REGISTERED, "No bot is registered in the portal")


def _scopes(portal: Portal, result: object) -> Iterator[Finding]:
    if not isinstance(result, list):
        yield _odd("scope")
        return
    granted = {name for name in result[:_MOST_SHOWN] if isinstance(name, str)}
    for scope, without in SCOPES.items():
        if scope in granted:
            continue
        if scope == "imbot" and portal.kind is PortalKind.WEBHOOK and portal.bot_id is None:
            continue
        yield Finding(FindingCode.SCOPE_MISSING, f"The portal does not grant {scope}: {without}")
    unused = sorted(granted & SCOPES.keys() - (portal.scopes or granted))
    if unused:
        yield Finding(
            FindingCode.SCOPE_UNUSED,
            f"The portal grants {', '.join(unused)}, which the service does not use yet",
        )


def _is_administrator(profile: object) -> bool:
    """The profile of a user who was deactivated is empty (bitrix24.md 1.17)."""
    return isinstance(profile, dict) and profile.get("ADMIN") is True


def _profile(_: Portal, result: object) -> Iterator[Finding]:
    if not _is_administrator(result):
        user = result.get("ID") if isinstance(result, dict) else None
        yield Finding(
            FindingCode.OWNER_NOT_ADMINISTRATOR,
            f"The user whose grant is used ({quoted(str(user or 'inactive'))}) is not an administrator of the portal",
        )


def _application(_: Portal, result: object) -> Iterator[Finding]:
    if not isinstance(result, dict):
        yield _odd("app.info")
        return
    if result.get("INSTALLED") is not True:
        yield Finding(FindingCode.INSTALLATION_UNFINISHED, "The portal counts the application as not installed yet")
    if result.get("PAYMENT_EXPIRED") == "Y" and result.get("STATUS") in _BOUGHT:
        yield Finding(
            FindingCode.PAYMENT_EXPIRED,
            f"The time of the application in this portal is over: status {result['STATUS']}, "
            f"{quoted(str(result.get('DAYS')))} days left",
        )


def _bindings(portal: Portal, result: object) -> Iterator[Finding]:
    if not isinstance(result, list):
        yield _odd("event.get")
        return
    handler = portal.public_url + INSTALL_PATH
    bound = [
        (str(each.get("event")).upper(), str(each.get("handler")))
        for each in result[:_MOST_SHOWN]
        if isinstance(each, dict) and str(each.get("offline") or 0) == "0"
    ]
    lacking = [event for event in EVENTS if (event, handler) not in bound]
    if lacking:
        yield Finding(FindingCode.EVENTS_NOT_BOUND, f"Not bound to {handler}: {', '.join(lacking)}")
    elsewhere = sorted({_host(address) for event, address in bound if event in EVENTS and address != handler})
    if elsewhere:
        yield Finding(FindingCode.EVENTS_ELSEWHERE, f"Events are bound to another address, too: {', '.join(elsewhere)}")


def _host(address: str) -> str:
    """The host of a handler: its query may contain a secret."""
    try:
        return quoted(urlsplit(address).netloc.rpartition("@")[2]) or "no host"
    except ValueError:
        return "no host"


def _bots_v2(portal: Portal, result: object) -> Iterator[Finding]:
    bots = result.get("bots") if isinstance(result, dict) else None
    if not isinstance(bots, list):
        yield _odd(_BOTS["v2"])
        return
    ours = next((each for each in bots if _is_ours(each, "id", portal)), None)
    if ours is None:
        yield _unregistered(portal)
    elif ours.get("eventMode") not in (_WEBHOOK, None):
        yield Finding(
            FindingCode.BOT_MODE,
            f"Bot {portal.bot_id} has the mode {quoted(str(ours['eventMode']))}: the portal sends no events of it",
        )


def _bots_v1(portal: Portal, result: object) -> Iterator[Finding]:
    # PHP renders an empty list of bots as [] (bitrix24.md 1.11).
    if not isinstance(result, dict | list):
        yield _odd(_BOTS["v1"])
    elif not any(_is_ours(each, "ID", portal) for each in (result.values() if isinstance(result, dict) else result)):
        yield _unregistered(portal)


def _is_ours(bot: Any, name: str, portal: Portal) -> bool:
    return isinstance(bot, dict) and str(bot.get(name)) == str(portal.bot_id)


def _unregistered(portal: Portal) -> Finding:
    return Finding(FindingCode.BOT_NOT_REGISTERED, f"Bot {portal.bot_id} is not registered in the portal any more")


def _odd(method: str) -> Finding:
    return Finding(FindingCode.NOT_CHECKED, f"The portal's reply to {method} has another form than documented")


_READERS: Final = {
    "scope": _scopes,
    "profile": _profile,
    "app.info": _application,
    "event.get": _bindings,
    _BOTS["v2"]: _bots_v2,
    _BOTS["v1"]: _bots_v1,
}
