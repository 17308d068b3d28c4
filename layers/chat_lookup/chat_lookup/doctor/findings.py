"""The findings about portals: each code with what mends it (docs/doctor.md)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.clock import iso_time

_LONGEST_QUOTE: Final = 120
_OF_FAR_FUTURE: Final = 9e9
"""A moment (Unix time) beyond which no look is due: `portals.failures.NEVER`, or a wrong clock's."""


class FindingCode(StrEnum):
    """What can be wrong, in the order of a report: what stops everything first."""

    NO_PORTAL = "no-portal"
    UNINSTALLED = "uninstalled"
    STOPPED = "stopped"
    REAUTHORISE = "reauthorise"
    REFUSED = "refused"
    UNPAID = "unpaid"
    MISCONFIGURED = "misconfigured"
    RENAMED = "renamed"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    APPLICATION_MISSING = "application-missing"
    MOVED = "moved"
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a code
    PORTAL_FAILED = "portal-failed"
    NOT_ASKED = "not-asked"
    NOT_CHECKED = "not-checked"
    INSTALLATION_UNFINISHED = "installation-unfinished"
    PAYMENT_EXPIRED = "payment-expired"
    KEYS_SUSPENDED = "keys-suspended"
    SCOPE_MISSING = "scope-missing"
    SCOPE_UNUSED = "scope-unused"
    OWNER_NOT_ADMINISTRATOR = "owner-not-administrator"
    TOKEN_OLD = "token-old"  # noqa: S105 - a code
    APPLICATION_TOKEN_MISSING = "application-token-missing"  # noqa: S105 - a code
    ADDRESS_CHANGED = "address-changed"
    BOT_NOT_REGISTERED = "bot-not-registered"
    BOT_MODE = "bot-mode"
    BOT_DEPRECATED = "bot-deprecated"
    EVENTS_NOT_BOUND = "events-not-bound"
    EVENTS_ELSEWHERE = "events-elsewhere"
    PACE_LOWERED = "pace-lowered"
    CLOCK_OFF = "clock-off"
    EVENTS_WAITING = "events-waiting"
    DEAD_LETTERS = "dead-letters"


_REBIND: Final = "The operator runs portal.rebind, which registers bot and events anew"
_REBIND_BOT: Final = f"{_REBIND}; a bot that a webhook registered is mended by the program that registered it"

REMEDIES: Final[Mapping[FindingCode, str]] = {
    FindingCode.NO_PORTAL: (
        "The operator adds the application's keys with apps.add and an administrator of the portal installs it; or the "
        "operator adds a portal by its inbound webhook with portal.add_webhook"
    ),
    FindingCode.UNINSTALLED: (
        "An administrator of the portal installs the application again; if the portal is gone for good, the operator "
        "removes its data with portal.forget"
    ),
    FindingCode.STOPPED: "The operator ends the stop with portal.start",
    FindingCode.REAUTHORISE: (
        "An administrator of the portal opens the application there once; the grant is theirs from then on"
    ),
    FindingCode.REFUSED: (
        "It ends by itself if the portal accepts the tokens of a later renewal; if it lasts, an administrator of the "
        "portal opens the application there once"
    ),
    FindingCode.UNPAID: (
        "The portal's owner pays for the application or the plan; the next look opens the portal by itself, and after "
        "portal.start the next caller looks"
    ),
    FindingCode.MISCONFIGURED: (
        "The operator compares the application's keys with its card in the portal (apps.list), and gives the right "
        "secret with apps.rotate_secret"
    ),
    FindingCode.RENAMED: "The operator gives the webhook's new URL with portal.add_webhook",
    FindingCode.BLOCKED: (
        "Do what the code requires, in the portal or with Bitrix24's support (docs/runbook.md, Portal blocked or "
        "deleted); the portal opens by itself when the cause is over"
    ),
    FindingCode.UNREACHABLE: (
        "Mend what the connection lacks: the portal's server, its name, its certificate (PortalCa), its private "
        "address (PrivatePortals), the network of the functions; the portal opens by itself when it answers"
    ),
    FindingCode.APPLICATION_MISSING: (
        "The operator gives the application's client_id and client_secret with apps.add: without them the next renewal "
        "of the tokens fails"
    ),
    FindingCode.MOVED: (
        "Nothing, if the next look-up succeeds: it renews the tokens and learns the new address. For a webhook the "
        "operator gives the new URL with portal.add_webhook"
    ),
    FindingCode.TOKEN_REFUSED: (
        "Make one look-up, which renews the tokens; if the finding remains, an administrator of the portal opens the "
        "application there once, or the operator gives a valid webhook with portal.add_webhook"
    ),
    FindingCode.PORTAL_FAILED: (
        "Do what the code requires (docs/runbook.md); if it passes by itself, the finding is gone with the next report"
    ),
    FindingCode.NOT_ASKED: "Ask for the report again in a minute; if the finding remains, do what its reason requires",
    FindingCode.NOT_CHECKED: "Give the permission that is missing, or look at it by hand",
    FindingCode.INSTALLATION_UNFINISHED: (
        "An administrator of the portal opens the application there and waits until its page reports the installation; "
        "until then the portal sends no events and admits no other user"
    ),
    FindingCode.PAYMENT_EXPIRED: "The portal's owner pays for the application: until then the portal may refuse all",
    FindingCode.KEYS_SUSPENDED: (
        "The operator runs keys.restore; or keys.revoke for each key that nothing uses any more"
    ),
    FindingCode.SCOPE_MISSING: (
        "An administrator adds the scope to the application's card, or to the webhook, in the portal; then the "
        "operator runs portal.rebind, or portal.add_webhook for a webhook. If the part is not needed, leave it"
    ),
    FindingCode.SCOPE_UNUSED: (
        "The operator runs portal.rebind, or portal.add_webhook for a webhook: both read the scopes anew"
    ),
    FindingCode.OWNER_NOT_ADMINISTRATOR: (
        "Make that user an administrator again, or have an administrator install the application again: bot and events "
        "cannot be registered in this user's name"
    ),
    FindingCode.TOKEN_OLD: (
        "Make one look-up, which renews the tokens, and see why the keepalive did not (docs/runbook.md, Keepalive "
        "missed)"
    ),
    FindingCode.APPLICATION_TOKEN_MISSING: (
        "An administrator installs the application again, or, for a bot that a webhook registered, the operator gives "
        "member_id and application_token with portal.add_webhook: until then each event is refused as forged"
    ),
    FindingCode.ADDRESS_CHANGED: (
        "The operator runs portal.rebind with public_url, the service's own address, which registers bot and events "
        "there"
    ),
    FindingCode.BOT_NOT_REGISTERED: _REBIND_BOT,
    FindingCode.BOT_MODE: _REBIND_BOT,
    FindingCode.BOT_DEPRECATED: (
        "Update the portal's messenger until it has imbot.v2; then the operator runs portal.rebind, which registers "
        "the bot with that"
    ),
    FindingCode.EVENTS_NOT_BOUND: _REBIND,
    FindingCode.EVENTS_ELSEWHERE: f"{_REBIND}, and removes the bindings of former addresses",
    FindingCode.PACE_LOWERED: (
        "It ends by itself within five minutes without a refusal; if it lasts, another application uses the portal's "
        "limit, too: the operator chooses a lower rate with portal.set"
    ),
    FindingCode.CLOCK_OFF: "Synchronise the clock of the portal's server, or of this machine",
    FindingCode.EVENTS_WAITING: (
        "See why the worker does not keep up (docs/runbook.md, Too many events and Events not published), or raise "
        "WorkerConcurrency"
    ),
    FindingCode.DEAD_LETTERS: (
        "Remove the cause (docs/runbook.md, Dead letters); then the operator sends them back with events.redrive"
    ),
}


class Finding(NamedTuple):
    """What is wrong, what exactly, and what mends it. No secret is in any of them."""

    code: FindingCode
    detail: str

    @property
    def remedy(self) -> str:
        return REMEDIES[self.code]

    def shown(self) -> dict[str, object]:
        """The finding as JSON."""
        return {"code": self.code.value, "detail": self.detail, "remedy": self.remedy}


def quoted(text: str) -> str:
    """A portal's own word as a detail may contain it: one printable line of bounded length."""
    return "".join(each if each.isprintable() else " " for each in text)[:_LONGEST_QUOTE]


def next_look(moment: float, now: float) -> str:
    """When a closed portal is looked at next, as a sentence."""
    if moment > _OF_FAR_FUTURE:
        return "It is not looked at again before portal.start"
    return f"The next caller looks at it from {iso_time(moment)} on" if moment > now else "The next caller looks at it"
