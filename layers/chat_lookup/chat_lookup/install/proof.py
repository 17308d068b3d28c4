"""Proves an offer: the authorisation server names its portal and user, the portal whether that is an administrator.

No address of a request is called before it is proved (design 5, Trust): the offered token goes to a server on the
closed list, and only the host which that server names in its reply is called; before that, a known portal's on record.
"""

from enum import Enum, auto
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.endpoints import private_address, server_in
from chat_lookup.bitrix24.error_table import ADDRESS_REFUSED
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.oauth import Application, AuthorisationServer, TokenPair
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.applications import Applications, newest_first
from chat_lookup.credentials.grants import Grant
from chat_lookup.errors import ChatLookupError, InstallationRefused, RefusalReason
from chat_lookup.install.attempt_limiter import AttemptLimiter, of_portal, of_refreshes, of_strangers
from chat_lookup.install.offers import Offer
from chat_lookup.install.page_texts import refused, refused_by
from chat_lookup.observability.redaction import SHORTEST_SECRET
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.application_tokens import proves
from chat_lookup.portals.failures import answer, for_caller
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals

_PASSING: Final = frozenset({ErrorClass.RETRY, ErrorClass.LIMIT, ErrorClass.PORTAL})
"""Errors that do not concern the offer: the portal or the server cannot reply now."""
_NO_TOKEN_OF_OURS: Final = frozenset({ErrorClass.REFRESH, ErrorClass.REAUTHORISE, ErrorClass.UNINSTALLED})
_EXPIRED: Final = "expired_token"
_NOT_ISSUED: Final = {ErrorClass.REAUTHORISE: RefusalReason.GRANT, ErrorClass.UNINSTALLED: RefusalReason.GRANT}


class Proved(NamedTuple):
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


class Standing(Enum):
    """What is known of the sender of an offer before the authorisation server is called."""

    UNKNOWN = auto()
    """The portal is not known, was not named by its domain on record, or cannot say."""
    REFUSED = auto()
    """The portal does not accept the offered access token."""
    FROM_PORTAL = auto()
    """The portal cannot be called now, but the offer has its application token, which is proof of a user."""
    USER = auto()
    ADMINISTRATOR = auto()

    @property
    def is_proved(self) -> bool:
        """Whether the sender is a user of the portal, who may see the state of its connection."""
        return self not in (Standing.UNKNOWN, Standing.REFUSED)


class Visitors:
    """Who makes an offer for a known portal: asked of the portal itself, at the host on record.

    A forged offer for it costs the authorisation server nothing, and our client secret is not used for it.
    """

    def __init__(self, calls: PortalCalls, attempts: AttemptLimiter) -> None:
        self._calls = calls
        self._attempts = attempts

    def standing(self, portal: Portal | None, offer: Offer, source: str, deadline: Deadline) -> Standing:
        """The standing of the sender at `source`, by one call of the portal at most. Raises `TooManyAttempts`."""
        if portal is None:
            return Standing.UNKNOWN
        from_portal = proves(offer.application_token, portal)
        if portal.state is PortalState.STOPPED:
            # An operator's stop admits no call, and spends no offer.
            return Standing.FROM_PORTAL if from_portal else Standing.REFUSED
        if portal.domain != offer.domain or not offer.access_token:
            return Standing.UNKNOWN
        if self._attempts.is_refused(portal.member_id, offer.access_token):
            return Standing.REFUSED
        admission = self._attempts.admit(of_portal(portal.member_id, source, from_portal=from_portal))
        standing = self._asked(portal, offer, deadline)
        if standing is Standing.REFUSED:
            self._attempts.refuse(portal.member_id, offer.access_token)
            return standing
        admission.succeeded()
        return Standing.FROM_PORTAL if standing is Standing.UNKNOWN and from_portal else standing

    def _asked(self, portal: Portal, offer: Offer, deadline: Deadline) -> Standing:
        grant = Grant(Endpoint(f"https://{portal.domain}/rest/", offer.access_token), "")
        try:
            profile = self._calls.call_with(grant, portal, "profile", {}, deadline).result
        except BitrixError as error:
            # An expired token was the portal's once: an event of its may be as late (bitrix24.md 4.3).
            refused = error.error_class in _NO_TOKEN_OF_OURS and error.metric_code != _EXPIRED
            return Standing.REFUSED if refused else Standing.UNKNOWN
        except ChatLookupError:
            return Standing.UNKNOWN
        # An inactive user's profile is empty (bitrix24.md 1.17).
        if not isinstance(profile, dict) or not profile:
            return Standing.REFUSED
        return Standing.ADMINISTRATOR if profile.get("ADMIN") is True else Standing.USER


class Examined(NamedTuple):
    """An offer that may be true: the portal that it names, if that is known, and the keys and the server to try."""

    known: Portal | None
    server: str
    client_id: str
    standing: Standing


class Proof:
    """Turns offers into proved pairs. Nothing is stored, whatever the outcome."""

    def __init__(
        self,
        applications: Applications,
        server: AuthorisationServer,
        calls: PortalCalls,
        portals: Portals,
        attempts: AttemptLimiter,
        visitors: Visitors,
        telemetry: Telemetry,
        clock: Clock,
        *,
        servers: frozenset[str],
        members: frozenset[str],
    ) -> None:
        self._applications = applications
        self._server = server
        self._calls = calls
        self._portals = portals
        self._attempts = attempts
        self._visitors = visitors
        self._telemetry = telemetry
        self._clock = clock
        self._servers = servers
        self._members = members

    def examined(self, offer: Offer, source: str, deadline: Deadline) -> Examined:
        """What can be found out about an offer from the address `source` without the authorisation server.

        What costs nothing comes first, then the limits, then what costs a call of a known portal. An offer that nothing
        proves is refused alike, whether a portal is known and in what state it is (docs/decisions/022).
        Raises `InstallationRefused` and `TooManyAttempts`.
        """
        if not (offer.refresh_token or offer.code):
            raise refused(RefusalReason.NO_REFRESH_TOKEN)
        self._check_member(offer.member_id)
        known = self._portals.read(offer.member_id) if offer.member_id else None
        server = self._server_for(offer, known)
        client_id = self._application_for(offer, known)
        examined = Examined(known, server, client_id, self._visitors.standing(known, offer, source, deadline))
        if examined.standing is Standing.REFUSED:
            raise self._not_proved(offer)
        return examined

    def of(self, offer: Offer, source: str, deadline: Deadline) -> Proved:
        """Prove an offer that came from the address `source`, which spends it.

        Raises `InstallationRefused`, `TooManyAttempts`, and the portal's or the server's failure as an error of ours.
        """
        examined = self.examined(offer, source, deadline)
        known = examined.known
        if known is not None and known.state is PortalState.STOPPED and examined.standing.is_proved:
            # A portal that an operator stopped is not called; the offer stays valid until it is started.
            raise answer(known.state, known.state_code)
        if examined.standing is Standing.USER:
            raise refused(RefusalReason.ADMINISTRATOR)
        proved = self._proved(offer, examined, source, deadline)
        self._telemetry.note(portal=proved.member_id)
        self._check_member(proved.member_id)
        self._check_administrator(proved, deadline)
        return proved

    def _proved(self, offer: Offer, examined: Examined, source: str, deadline: Deadline) -> Proved:
        """What the authorisation server issues for the offer. Whatever it refuses counts as a failure."""
        # Refused for these keys: for those of a card that was added meanwhile the same token may be good.
        offered = examined.client_id, offer.refresh_token, offer.code
        if self._attempts.is_refused(*offered):
            raise self._not_issued(offer, examined, RefusalReason.GRANT)
        pools = of_refreshes(offer.member_id) if examined.standing.is_proved else of_strangers(source)
        admission = self._attempts.admit(pools)
        try:
            pair = self._issued(offer, examined.server, examined.client_id, deadline)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            # No fault of the offer's, or the server issued a pair, for a portal whose address cannot be called.
            if error.error_class in _PASSING or error.metric_code == ADDRESS_REFUSED:
                admission.succeeded()
            if error.error_class in _PASSING:
                raise for_caller(error, self._clock.now()) from None
            reason = _NOT_ISSUED.get(error.error_class, RefusalReason.KEYS)
            if reason is RefusalReason.GRANT:
                self._attempts.refuse(*offered)
            if error.metric_code == ADDRESS_REFUSED:
                reason = RefusalReason.PORTAL
            raise self._not_issued(offer, examined, reason) from None
        proved = Proved(pair, examined.client_id)
        if proved.domain != offer.domain or proved.member_id != (offer.member_id or proved.member_id):
            raise refused(RefusalReason.PORTAL)
        admission.succeeded()
        return proved

    def _not_issued(self, offer: Offer, examined: Examined, reason: RefusalReason) -> InstallationRefused:
        if reason is not RefusalReason.GRANT:
            return refused(reason)
        return refused(RefusalReason.CARD) if examined.standing.is_proved else self._not_proved(offer)

    def _not_proved(self, offer: Offer) -> InstallationRefused:
        """The one refusal of whatever nothing proves. Without an application for the domain it is the one of that, as
        for a portal that is not known: a known one may have another domain on record."""
        has_application = self._applications.for_portal(offer.domain) is not None
        return refused(RefusalReason.GRANT if has_application else RefusalReason.APPLICATION)

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

        A portal on a developer's machine is its own authorisation server (design 3.6), and so may be a self-hosted one.
        """
        named = offer.server_endpoint
        if not named and known and known.server:
            named = f"https://{known.server}/"
        if not named and server_in(f"https://{offer.domain}/", self._servers):
            named = f"https://{offer.domain}/"
        try:
            return self._server.server_named(named)
        except BitrixError:
            raise refused(RefusalReason.SERVER) from None

    def _issued(self, offer: Offer, server: str, client_id: str, deadline: Deadline) -> TokenPair:
        """A pair of the server's own making, for the offered refresh token or code. Raises `BitrixError`."""

        def ask(application: Application) -> TokenPair:
            if offer.refresh_token:
                return self._server.refresh(server, application, offer.refresh_token, deadline)
            return self._server.exchange(server, application, offer.code, deadline)

        pair = newest_first(self._applications.keys(client_id), ask)
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
            raise self._failure(error, proved.domain) from None
        if not isinstance(profile, dict) or profile.get("ADMIN") is not True:
            raise refused(RefusalReason.ADMINISTRATOR)

    def _failure(self, error: BitrixError, domain: str) -> ChatLookupError:
        if error.error_class in _PASSING:
            return for_caller(error, self._clock.now())
        if error.metric_code == ADDRESS_REFUSED:
            return refused_by(private_address(domain), RefusalReason.PORTAL)
        return refused(RefusalReason.ADMINISTRATOR)
