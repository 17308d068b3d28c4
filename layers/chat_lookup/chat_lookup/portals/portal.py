"""One portal's record in PortalTable: where it is, which secret opens it, what it grants, how fast it may be asked."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.dynamodb import number, read_number, read_set, read_text, read_whole, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from chat_lookup.dynamodb import Item, Values

DEFAULT_RATE: Final = 2.0
"""Requests a second that every plan below Enterprise leaks (bitrix24.md 6.1)."""
DEFAULT_BURST: Final = 50

RECORD: Final = "RECORD"
"""The sort key of a portal's record; the entries of its keys are in the same partition."""
STOPPED: Final = "stopped"
"""The field that an operator's portal.stop writes. Apart from `state`, which renewals and installations write: no
writer of that ends a stop."""

LEFT: Final[Mapping[str, "UniversalAttributeValueTypeDef"]] = {"generation": number(1), "uninstalls": number(1)}
"""What is added to a record with the state UNINSTALLED: cached answers and API keys of before are no longer valid."""


class PortalKind(StrEnum):
    """What opens the portal."""

    WEBHOOK = "webhook"
    OAUTH = "oauth"


class PortalState(StrEnum):
    """What the portal admits. Each but ACTIVE has an answer of its own for callers."""

    ACTIVE = "active"
    UNINSTALLED = "uninstalled"
    REAUTHORISE = "reauthorise"
    """The grant is dead; an administrator's visit to the application repairs it."""
    UNPAID = "unpaid"
    """The application or the plan is not paid."""
    MISCONFIGURED = "misconfigured"
    """The authorisation server refuses our application's keys."""
    REFUSED = "refused"
    """The portal refuses even tokens that were just renewed."""
    RENAMED = "renamed"
    """A webhook's portal has a new address, which cannot be proved: its URL has to be given again (9, row 20)."""
    STOPPED = "stopped"
    """An operator stopped it, and an operator starts it again. The record keeps the state beneath, which goes on."""


class ResultForm(StrEnum):
    """How a chat that was found appears in Bitrix24's own format; the documents have had both (bitrix24.md 1.1.2)."""

    OBJECT = "object"
    INT = "int"


class Portal(NamedTuple):
    """The record. `token_version` is the pointer that names the true version of the secret (design 5, Tokens)."""

    member_id: str
    domain: str
    """Host of the portal, with the port if it is not the usual one."""
    secret_arn: str
    token_version: str
    kind: PortalKind = PortalKind.WEBHOOK
    state: PortalState = PortalState.ACTIVE
    state_code: str = ""
    """The portal's own code that led to the state."""
    retry_at: float = 0.0
    """When a closed portal is looked at next (Unix time); 0 for at once."""
    looks: int = 0
    """How often it was looked at since it closed."""
    closed_at: float = 0.0
    """When it closed (Unix time)."""
    renewed_from: str = ""
    """The version of the secret that was last renewed because the portal refused it."""
    renewals: int = 0
    """How many such renewals were of no use, the last one included."""
    renew_at: float = 0.0
    """No other refusal is followed by a renewal before this moment (Unix time)."""
    scopes: frozenset[str] | None = None
    """What the portal grants; None where it did not answer that."""
    generation: int = 1
    """Goes up when the portal is purged or uninstalled: all its cached answers vanish without a scan (design 4)."""
    rate: float = DEFAULT_RATE
    burst: int = DEFAULT_BURST
    paced_by: str = ""
    """`operator` where an operator chose rate and burst: an installation leaves them alone then."""
    bot_id: int | None = None
    bot_api: str = ""
    """`v2` or `v1`: which family of methods our bot was registered with; empty without a bot."""
    bot_revision: int | None = None
    """What the portal's messenger can do (`imbot.v2.Revision.get`)."""
    command_id: int | None = None
    client_id: str = ""
    """The application that is installed there (OAuth)."""
    server: str = ""
    """Host of the authorisation server that issued the grant."""
    owner_id: int | None = None
    """The user whose grant it is: it dies with that user (bitrix24.md 3.5)."""
    refreshed_at: float = 0.0
    application_tokens: frozenset[str] = frozenset()
    """SHA-256 of each application token that proves an event's origin."""
    public_url: str = ""
    """Our own address as it is registered in the portal."""
    created_at: float = 0.0
    former_domains: frozenset[str] = frozenset()
    """Its hosts before it was renamed: links to them are still about, and in users' messages."""
    former_secrets: frozenset[str] = frozenset()
    """Secrets that the record named before and that are still to be deleted: else no item would name them."""
    uninstalls: int = 0
    """How often the application was uninstalled: API keys made before the last time are suspended."""
    result_form: ResultForm = ResultForm.OBJECT
    opinion_of: str = ""
    """The `token_version` of which a second opinion was asked for, after the grant was judged dead."""
    opinion_from: float = 0.0
    opinion_at: float = 0.0
    """When that was asked for first and last, Unix seconds."""

    def grants(self, scope: str) -> bool:
        """Whether a scope may be tried: granted, or not known."""
        return self.scopes is None or scope in self.scopes


def member_id_of_webhook(domain: str) -> str:
    """The stand-in for a portal's `member_id`, which an inbound webhook cannot ask for (bitrix24.md 1.16).

    32 hexadecimal digits like the real one, the same for the same domain.
    """
    return hashlib.sha256(f"webhook:{domain.lower()}".encode()).hexdigest()[:32]


def partition(member_id: str) -> str:
    """The partition of PortalTable that holds all of one portal: its record and the list of its keys."""
    return f"PORTAL#{member_id}"


def pk_sk(pk: str, sk: str) -> "Values":
    return {"pk": text(pk), "sk": text(sk)}


def record_key(member_id: str) -> "Values":
    return pk_sk(partition(member_id), RECORD)


def to_item(portal: Portal) -> "Values":
    item = {
        **record_key(portal.member_id),
        "secret_arn": text(portal.secret_arn),
        "token_version": text(portal.token_version),
        "state": text(PortalState.ACTIVE if portal.state is PortalState.STOPPED else portal.state),
        "generation": number(portal.generation),
    }
    if portal.state is PortalState.STOPPED:
        item[STOPPED] = {"BOOL": True}
    for name in _TEXTS:
        if getattr(portal, name):
            item[name] = text(str(getattr(portal, name)))
    for name in _NUMBERS:
        if getattr(portal, name) is not None:
            item[name] = number(getattr(portal, name))
    for name in _SETS:
        if getattr(portal, name):
            item[name] = {"SS": sorted(getattr(portal, name))}
    return item


_TEXTS: Final = (
    "member_id", "domain", "kind", "state_code", "paced_by", "bot_api", "client_id", "server", "public_url",
    "result_form", "renewed_from", "opinion_of",
)  # fmt: skip
_NUMBERS: Final = (
    "retry_at", "looks", "closed_at", "renewals", "renew_at", "rate", "burst", "bot_id", "bot_revision", "command_id",
    "owner_id", "refreshed_at", "created_at", "opinion_from", "opinion_at", "uninstalls",
)  # fmt: skip
_SETS: Final = ("scopes", "application_tokens", "former_domains", "former_secrets")


def from_item(item: "Item") -> Portal:
    def read(name: str) -> str:
        return read_text(item, name) or ""

    return Portal(
        member_id=read("member_id"),
        domain=read("domain"),
        secret_arn=read("secret_arn"),
        token_version=read("token_version"),
        kind=PortalKind(read("kind") or PortalKind.WEBHOOK),
        state=_state_of(item),
        state_code=read("state_code"),
        retry_at=read_number(item, "retry_at") or 0.0,
        looks=read_whole(item, "looks") or 0,
        closed_at=read_number(item, "closed_at") or 0.0,
        renewed_from=read("renewed_from"),
        renewals=read_whole(item, "renewals") or 0,
        renew_at=read_number(item, "renew_at") or 0.0,
        scopes=read_set(item, "scopes"),
        generation=read_whole(item, "generation") or 1,
        rate=read_number(item, "rate") or DEFAULT_RATE,
        burst=read_whole(item, "burst") or DEFAULT_BURST,
        paced_by=read("paced_by"),
        bot_id=read_whole(item, "bot_id"),
        bot_api=read("bot_api"),
        bot_revision=read_whole(item, "bot_revision"),
        command_id=read_whole(item, "command_id"),
        client_id=read("client_id"),
        server=read("server"),
        owner_id=read_whole(item, "owner_id"),
        refreshed_at=read_number(item, "refreshed_at") or 0.0,
        application_tokens=read_set(item, "application_tokens") or frozenset(),
        public_url=read("public_url"),
        created_at=read_number(item, "created_at") or 0.0,
        former_domains=read_set(item, "former_domains") or frozenset(),
        former_secrets=read_set(item, "former_secrets") or frozenset(),
        uninstalls=read_whole(item, "uninstalls") or 0,
        result_form=ResultForm(read("result_form") or ResultForm.OBJECT),
        opinion_of=read("opinion_of"),
        opinion_from=read_number(item, "opinion_from") or 0.0,
        opinion_at=read_number(item, "opinion_at") or 0.0,
    )


def _state_of(item: "Item") -> PortalState:
    """A stop covers every state but that of a portal in which nothing is installed."""
    state = PortalState(read_text(item, "state") or PortalState.ACTIVE)
    return PortalState.STOPPED if STOPPED in item and state is not PortalState.UNINSTALLED else state
