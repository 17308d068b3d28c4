"""Proves an offer: the authorisation server names its portal and user, the portal whether that is an administrator.

No address of a request is called before it is proved (design 5, Trust): the offered token goes to a server on the
closed list, and only the host which that server names in its reply is called.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.endpoints import server_in
from chat_lookup.bitrix24.error_table import ADDRESS_REFUSED
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.oauth import Application, AuthorisationServer, TokenPair
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.applications import Applications, newest_first
from chat_lookup.credentials.grants import Grant
from chat_lookup.errors import ChatLookupError, RefusalReason
from chat_lookup.install.attempt_limiter import AttemptLimiter
from chat_lookup.install.offers import Offer
from chat_lookup.install.page_texts import refused
from chat_lookup.observability.redaction import SHORTEST_SECRET
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import answer, for_caller
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals

_PASSING: Final = frozenset({ErrorClass.RETRY, ErrorClass.LIMIT, ErrorClass.PORTAL})
"""Errors that do not concern the offer: the portal or the server cannot reply now."""
_NOT_ISSUED: Final = {ErrorClass.REAUTHORISE: RefusalReason.GRANT, ErrorClass.UNINSTALLED: RefusalReason.GRANT}


@dataclass(frozen=True, slots=True)
class Proved:
    """What the authorisation server issued for an offer: an administrator's pair, for one of our applications."""

    pair: TokenPair
    client_id: str

    @property
    def member_id(self) -> str:
        return self.pair.member_id

    @property
    def domain(self) -> str:
        """The portal's `host[:port]`, as the authorisation server names it."""
        return urlsplit(self.pair.client_endpoint).netloc


class Proof:
    """Turns offers into proved pairs. Nothing is stored, whatever the outcome."""

    def __init__(
        self,
        applications: Applications,
        server: AuthorisationServer,
        calls: PortalCalls,
        portals: Portals,
        attempts: AttemptLimiter,
        telemetry: Telemetry,
        clock: Clock,
        *,
        local_hosts: frozenset[str],
        members: frozenset[str],
    ) -> None:
        self._applications = applications
        self._server = server
        self._calls = calls
        self._portals = portals
        self._attempts = attempts
        self._telemetry = telemetry
        self._clock = clock
        self._local_hosts = local_hosts
        self._members = members

    def of(self, offer: Offer, source: str, deadline: Deadline) -> Proved:
        """Prove an offer that came from the address `source`, which spends it.

        Raises `InstallationRefused`, `TooManyAttempts`, and the portal's or the server's failure as an error of ours.
        """
        # What costs nothing comes first, then the limiter, then what costs a request (design 5).
        if not (offer.refresh_token or offer.code):
            raise refused(RefusalReason.NO_REFRESH_TOKEN)
        self._check_member(offer.member_id)
        known = self._portals.read(offer.member_id) if offer.member_id else None
        if known is not None and known.state is PortalState.STOPPED:
            # A portal that an operator stopped is not called; the offer stays valid until it is started.
            raise answer(known.state, known.state_code)
        server = self._server_for(offer, known)
        client_id = self._application_for(offer, known)
        self._attempts.check(source)
        proved = Proved(self._issued(offer, server, client_id, deadline), client_id)
        self._telemetry.note(portal=proved.member_id)
        if proved.domain != offer.domain or proved.member_id != (offer.member_id or proved.member_id):
            raise refused(RefusalReason.PORTAL)
        self._check_member(proved.member_id)
        self._check_administrator(proved, deadline)
        return proved

    def _check_member(self, member_id: str) -> None:
        if self._members and member_id and member_id not in self._members:
            raise refused(RefusalReason.MEMBER)

    def _application_for(self, offer: Offer, known: Portal | None) -> str:
        """The one application whose keys are tried. A portal with a new address keeps its former one."""
        if known and known.client_id and known.domain != offer.domain:
            return known.client_id
        client_id = self._applications.for_portal(offer.domain)
        if client_id is None:
            raise refused(RefusalReason.APPLICATION)
        return client_id

    def _server_for(self, offer: Offer, known: Portal | None) -> str:
        """The server to call: the named one, if it is known; else this portal's former one; else the default.

        A portal on a developer's machine is its own authorisation server (design 3.6).
        """
        named = offer.server_endpoint
        if not named and known and known.server:
            named = f"https://{known.server}/"
        if not named and server_in(f"https://{offer.domain}/", self._local_hosts):
            named = f"https://{offer.domain}/"
        try:
            return self._server.server_named(named)
        except BitrixError:
            raise refused(RefusalReason.SERVER) from None

    def _issued(self, offer: Offer, server: str, client_id: str, deadline: Deadline) -> TokenPair:
        """A pair of the server's own making, for the offered refresh token or code."""

        def ask(application: Application) -> TokenPair:
            if offer.refresh_token:
                return self._server.refresh(server, application, offer.refresh_token, deadline)
            return self._server.exchange(server, application, offer.code, deadline)

        try:
            pair = newest_first(self._applications.keys(client_id), ask)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            raise self._failure(error, _NOT_ISSUED.get(error.error_class, RefusalReason.KEYS)) from None
        # The offered token is masked for this invocation only (`functions/install`): what the server issued is real.
        if min(len(pair.access_token), len(pair.refresh_token)) < SHORTEST_SECRET:
            raise refused(RefusalReason.SHORT)
        for issued in (pair.access_token, pair.refresh_token):
            self._telemetry.redactor.register(issued, owner=pair.member_id)
        return pair

    def _check_administrator(self, proved: Proved, deadline: Deadline) -> None:
        """Any user has tokens, and can read them in a frame (bitrix24.md 9, row 2)."""
        grant = Grant(Endpoint(proved.pair.client_endpoint, proved.pair.access_token), "")
        portal = Portal(proved.member_id, proved.domain, "", "")
        try:
            profile = self._calls.call_with(grant, portal, "profile", {}, deadline).result
        except BitrixError as error:
            raise self._failure(error, RefusalReason.ADMINISTRATOR) from None
        if not isinstance(profile, dict) or profile.get("ADMIN") is not True:
            raise refused(RefusalReason.ADMINISTRATOR)

    def _failure(self, error: BitrixError, reason: RefusalReason) -> ChatLookupError:
        if error.error_class in _PASSING:
            return for_caller(error, self._clock.now())
        return refused(RefusalReason.PORTAL if error.metric_code == ADDRESS_REFUSED else reason)
