"""Reads the requests that install, open or remove the application, once and with bounds (bitrix24.md 4).

Nothing here is proved. Nothing of it is called or stored before `proof` has called the authorisation server.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from chat_lookup.bitrix24.endpoints import is_token, portal_endpoint, refused_address
from chat_lookup.errors import InstallationRefused, RefusalReason
from chat_lookup.http.php_forms import FormRefused, FormValue, Limits, decode
from chat_lookup.install.page_texts import refused, refused_by
from chat_lookup.languages import Language, language_of
from chat_lookup.observability.redaction import SHORTEST_SECRET

_LIMITS: Final = Limits(size=64 * 1024, fields=200, depth=6)
"""Far above any real request: a frame sends a dozen fields, an event two dozen (bitrix24.md 4.1, 4.4)."""

_MEMBER_ID: Final = r"[A-Za-z0-9_-]{1,64}"
_EVENT: Final = r"[A-Za-z0-9_]{1,64}"
_LONGEST_ADDRESS: Final = 300

_USUAL_PORT: Final = ":443"
_OFFERED: Final = frozenset(
    {"domain", "protocol", "lang", "auth_id", "refresh_id", "member_id", "server_endpoint", "application_token"}
)
_SECRETS: Final = frozenset({"auth_id", "refresh_id", "access_token", "refresh_token", "application_token"})


@dataclass(frozen=True, slots=True)
class Offer:
    """A grant offered by a request, not proved yet, for the portal at `domain` (`host` or `host:port`).

    `refresh_token` and `code` are each exchanged for a pair of tokens, and either may be empty. So may `member_id`,
    `server_endpoint` and `application_token`: older portals do not send them (bitrix24.md 4.1). `access_token` shows a
    known portal whose offer it is; it is empty in the return with a code, and where it cannot be a token.
    """

    domain: str
    member_id: str = ""
    server_endpoint: str = ""
    refresh_token: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    application_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)


class Step(StrEnum):
    """The parts of an installation that the installer's page asks for, one after the other."""

    CONNECT = "connect"
    """Proves the offer, and stores what the authorisation server issues for it."""
    BOT = "bot"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Visit:
    """The frame POST: a user opened the application, or its installer (4.1)."""

    fields: Mapping[str, str] = field(repr=False)
    language: Language

    @property
    def secrets(self) -> list[str]:
        """The tokens that came, proved or not: for log lines, to mask them."""
        return _secrets(self.fields)

    @property
    def step(self) -> Step | None:
        """The part of an installation that the installer's page asks for; None for the frame itself."""
        return next((step for step in Step if step == self.fields.get("step")), None)

    @property
    def posted(self) -> dict[str, str]:
        """What the installer's page sends again with each step: what makes an offer, and no more."""
        return {name: text for name, text in self.fields.items() if name in _OFFERED}


@dataclass(frozen=True, slots=True)
class ApplicationEvent:
    """ONAPPINSTALL, ONAPPUPDATE, ONAPPUNINSTALL, or any other body with an event's name; `name` in upper case."""

    name: str
    auth: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> list[str]:
        """As for a visit."""
        return _secrets(self.auth)


def arrival(query: Mapping[str, Sequence[str]], body: bytes, content_type: str) -> Visit | ApplicationEvent:
    """The visit or the event in a POST. Raises `InstallationRefused` for a body that is neither."""
    try:
        form = decode(body, content_type, limits=_LIMITS)
    except FormRefused:
        # Not chained: the error names the broken bound, which is not needed here.
        form = {}
    event = form.get("event")
    if isinstance(event, str) and re.fullmatch(_EVENT, event):
        return ApplicationEvent(event.upper(), _texts(form.get("auth")))
    # The documents spell the fields in both cases, some in the query and some in the body (bitrix24.md 4.1).
    fields = {name.lower(): values[-1] for name, values in query.items()} | _texts(form)
    if not fields.keys() & {"auth_id", "refresh_id"}:
        raise refused(RefusalReason.FORM)
    return Visit(fields, language_of(fields.get("lang", "")))


def offer_of_visit(visit: Visit, portal_hosts: frozenset[str]) -> Offer:
    """The offer in a frame POST. Raises `InstallationRefused`."""
    fields = visit.fields
    return Offer(
        domain=_domain(fields.get("domain", ""), portal_hosts),
        member_id=_member_id(fields),
        server_endpoint=_address(fields),
        refresh_token=_token(fields, "refresh_id"),
        application_token=_token(fields, "application_token"),
        access_token=_access_token(fields.get("auth_id", "")),
    )


def offer_of_event(event: ApplicationEvent, portal_hosts: frozenset[str]) -> Offer:
    """The offer in an event's `auth`, of which two fields name the portal. Raises `InstallationRefused`."""
    auth = event.auth
    endpoint = auth.get("client_endpoint", "")
    named = portal_endpoint(endpoint, portal_hosts) if endpoint else None
    if endpoint and named is None:
        raise not_admitted(endpoint)
    host = named.removeprefix("https://").removesuffix("/rest/") if named else ""
    domain = _domain(auth.get("domain") or host, portal_hosts)
    if host and host != domain:
        raise refused(RefusalReason.PORTAL)
    return Offer(
        domain=domain,
        member_id=_member_id(auth),
        server_endpoint=_address(auth),
        refresh_token=_token(auth, "refresh_token"),
        application_token=_token(auth, "application_token"),
        access_token=_access_token(auth.get("access_token", "")),
    )


def offer_of_code(query: Mapping[str, Sequence[str]], domain: str) -> Offer:
    """The offer in the return with an authorisation code, for the portal that our link was for (bitrix24.md 3.3)."""
    fields = {name.lower(): values[-1] for name, values in query.items()}
    server = fields.get("server_domain", "")
    offer = Offer(
        domain=domain,
        member_id=_member_id(fields),
        server_endpoint=f"https://{server}/" if server else "",
        code=_token(fields, "code"),
    )
    if not offer.code or len(server) > _LONGEST_ADDRESS:
        raise refused(RefusalReason.FORM)
    return offer


def admitted_domain(domain: str, portal_hosts: frozenset[str]) -> str | None:
    """A portal's `host`, or `host:port` for local ones, in lower case; None if it cannot be a portal's.""" ""
    domain = domain.lower().removesuffix(_USUAL_PORT)
    return domain if portal_endpoint(f"https://{domain}/rest/", portal_hosts) else None


def _domain(domain: str, portal_hosts: frozenset[str]) -> str:
    admitted = admitted_domain(domain, portal_hosts)
    if admitted is None:
        raise not_admitted(domain)
    return admitted


def not_admitted(address: str) -> InstallationRefused:
    """The refusal of an address that cannot be a portal's: with what to set, if it could be admitted."""
    found = refused_address(address)
    return refused(RefusalReason.FORM) if found is None else refused_by(found)


def _member_id(fields: Mapping[str, str]) -> str:
    member_id = fields.get("member_id", "")
    if member_id and not re.fullmatch(_MEMBER_ID, member_id):
        raise refused(RefusalReason.FORM)
    return member_id


def _address(fields: Mapping[str, str]) -> str:
    address = fields.get("server_endpoint", "")
    if len(address) > _LONGEST_ADDRESS:
        raise refused(RefusalReason.FORM)
    return address


def _token(fields: Mapping[str, str], name: str) -> str:
    token = fields.get(name, "")
    if token and not is_token(token):
        raise refused(RefusalReason.FORM)
    if token and len(token) < SHORTEST_SECRET:
        raise refused(RefusalReason.SHORT)
    return token


def _secrets(fields: Mapping[str, str]) -> list[str]:
    return [text for name, text in fields.items() if name in _SECRETS]


def _access_token(token: str) -> str:
    return token if is_token(token) else ""


def _texts(value: "FormValue | None") -> dict[str, str]:
    """The texts of a map, their names in lower case; nested maps are ignored."""
    if not isinstance(value, dict):
        return {}
    return {name.lower(): text for name, text in value.items() if isinstance(text, str)}
