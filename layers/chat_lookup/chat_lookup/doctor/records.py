"""What is wrong according to a portal's record. Asks nothing, so it works in every state."""

from collections.abc import Iterator, Mapping
from typing import Final

from chat_lookup.clock import DAY, iso_time
from chat_lookup.doctor.findings import Finding, FindingCode, next_look, quoted
from chat_lookup.portals.failures import ASKED_AGAIN
from chat_lookup.portals.portal import Portal, PortalKind, PortalState

LAPSES_AFTER_DAYS: Final = 180
"""Days for which a refresh token is valid (bitrix24.md 3.4)."""
OLD_AFTER_DAYS: Final = 171
"""Days after which the keepalive, which renews each pair within 170, must have failed."""

_STATES: Final[Mapping[PortalState, tuple[FindingCode, str]]] = {
    PortalState.UNINSTALLED: (FindingCode.UNINSTALLED, "The application was uninstalled from the portal"),
    PortalState.STOPPED: (FindingCode.STOPPED, "An operator stopped the portal: nothing is asked, the bot is silent"),
    PortalState.REAUTHORISE: (FindingCode.REAUTHORISE, "The portal's grant is dead"),
    PortalState.REFUSED: (FindingCode.REFUSED, "The portal refuses even tokens that were just renewed"),
    PortalState.UNPAID: (FindingCode.UNPAID, "The portal reports that the application or its plan is not paid"),
    PortalState.MISCONFIGURED: (
        FindingCode.MISCONFIGURED,
        "The authorisation server refuses the keys of our application",
    ),
    PortalState.RENAMED: (FindingCode.RENAMED, "The portal has a new address, which its webhook does not have"),
}


def from_record(portal: Portal, own_address: str, now: float) -> Iterator[Finding]:
    """The findings in a record. `own_address` is where the service is reached now; empty where that is not known."""
    closed = _STATES.get(portal.state)
    if closed is not None:
        yield Finding(closed[0], _closed(portal, closed[1], now))
    if portal.state is PortalState.UNINSTALLED:
        return
    if portal.kind is PortalKind.OAUTH:
        yield from _of_application(portal, own_address)
    elif portal.bot_id is not None and not portal.application_tokens:
        yield Finding(
            FindingCode.APPLICATION_TOKEN_MISSING,
            f"No application token is stored that would prove the events of bot {portal.bot_id}",
        )


def _closed(portal: Portal, sentence: str, now: float) -> str:
    code = quoted(portal.state_code.strip("-"))
    parts = [f"{sentence} ({code})" if code else sentence]
    if portal.closed_at:
        parts.append(f"closed at {iso_time(portal.closed_at)}")
    if portal.state in ASKED_AGAIN:
        parts.append(next_look(portal.retry_at, now))
    return "; ".join(parts)


def from_token_age(portal: Portal, now: float) -> Iterator[Finding]:
    """The same for the age of the tokens."""
    if portal.kind is not PortalKind.OAUTH or portal.state is PortalState.UNINSTALLED:
        return
    days = int((now - portal.refreshed_at) / DAY)
    if portal.refreshed_at and days >= OLD_AFTER_DAYS:
        yield Finding(
            FindingCode.TOKEN_OLD,
            f"The tokens were renewed {days} days ago, on {iso_time(portal.refreshed_at)}; they are valid for "
            f"{LAPSES_AFTER_DAYS} days",
        )


def _of_application(portal: Portal, own_address: str) -> Iterator[Finding]:
    if not portal.application_tokens:
        yield Finding(
            FindingCode.APPLICATION_TOKEN_MISSING, "No application token is stored that would prove the portal's events"
        )
    if own_address and portal.public_url != own_address:
        registered = portal.public_url or "no address"
        yield Finding(
            FindingCode.ADDRESS_CHANGED,
            f"Bot and events are registered at {registered}; the service is at {own_address}",
        )
    if portal.bot_api == "v1":
        yield Finding(
            FindingCode.BOT_DEPRECATED,
            f"Bot {portal.bot_id} is registered with imbot.register, which Bitrix24 has deprecated",
        )
