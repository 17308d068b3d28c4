"""An installation: proved, stored, our bot and bindings registered in the portal. Repeating it changes nothing."""

from collections.abc import Callable
from typing import Final, NamedTuple

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.applications import ApplicationKind, Applications
from chat_lookup.credentials.grants import Tokens
from chat_lookup.errors import RefusalReason
from chat_lookup.install.capabilities import probe
from chat_lookup.install.install_lock import InstallLock
from chat_lookup.install.offers import Offer, Step
from chat_lookup.install.page_texts import refused
from chat_lookup.install.proof import Proof, Proved, Standing
from chat_lookup.install.registration import Registering, Remark
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.failures import ASKED_AGAIN, for_caller
from chat_lookup.portals.portal import Portal, PortalKind
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

_PROBED: Final = ("scopes", "bot_revision", "rate", "burst")
_REGISTERED: Final = ("bot_id", "bot_api", "command_id", "public_url")


class Installed(NamedTuple):
    """A portal's record, and remarks on what is missing from its installation."""

    portal: Portal
    remarks: tuple[Remark, ...]


_Furnish = Callable[[Portal, Deadline], Installed]


class Installation:
    """Installs the application in portals, and registers it anew in installed ones."""

    def __init__(
        self,
        proof: Proof,
        lock: InstallLock,
        applications: Applications,
        tokens: Tokens,
        portals: Portals,
        facts: PortalFacts,
        calls: PortalCalls,
        registering: Registering,
        telemetry: Telemetry,
        recoveries: Recoveries,
        clock: Clock,
    ) -> None:
        self._proof = proof
        self._lock = lock
        self._applications = applications
        self._tokens = tokens
        self._portals = portals
        self._facts = facts
        self._calls = calls
        self._registering = registering
        self._telemetry = telemetry
        self._recoveries = recoveries
        self._clock = clock

    def install(self, offer: Offer, public_url: str, source: str, deadline: Deadline) -> Installed:
        """Install by an offer that came from the address `source`; our own address is `public_url`.

        For an installation, an update and a visit that heals alike: each has a grant, and each is proved (design 5).
        Raises `InstallationRefused`, `TooManyAttempts`, `InstallationInProgress`, and the errors of the portal and the
        stores.
        """
        proved = self._proof.of(offer, source, deadline)
        with self._lock.hold(proved.member_id, deadline):
            portal = self._stored(proved, offer.application_token, public_url)
            return self._furnished(portal, deadline)

    def take(self, step: Step, offer: Offer, public_url: str, source: str, deadline: Deadline) -> Installed:
        """One part of an installation, for a page that shows each; repeating any of them changes nothing.

        CONNECT proves and stores the offer, which spends it. The others take the stored grant for an administrator,
        whom the portal itself confirms. Raises as `install`.
        """
        if step is Step.CONNECT:
            proved = self._proof.of(offer, source, deadline)
            with self._lock.hold(proved.member_id, deadline):
                return Installed(self._stored(proved, offer.application_token, public_url), ())
        member_id = self._of_administrator(offer, source, deadline)
        with self._lock.hold(member_id, deadline):
            # Read under the lock: another page may have stored another grant meanwhile.
            furnish = self._with_bot if step is Step.BOT else self._with_events
            return self._noted(self._translated(furnish, self._portals.get(member_id), deadline))

    def rebind(self, portal: Portal, public_url: str, deadline: Deadline) -> Installed:
        """Register everything anew, perhaps at another address of ours (operators' command). Raises as `install`."""
        with self._lock.hold(portal.member_id, deadline):
            return self._furnished(portal._replace(public_url=public_url or portal.public_url), deadline)

    def _of_administrator(self, offer: Offer, source: str, deadline: Deadline) -> str:
        """The member id of the portal that confirms the offer's user as an administrator."""
        examined = self._proof.examined(offer, source, deadline)
        if examined.known is None or examined.standing is not Standing.ADMINISTRATOR:
            raise refused(RefusalReason.ADMINISTRATOR if examined.standing is Standing.USER else RefusalReason.GRANT)
        self._telemetry.note(portal=examined.known.member_id)
        return examined.known.member_id

    def _stored(self, proved: Proved, application_token: str, public_url: str) -> Portal:
        """Store the pair in a secret of its own, then its name in the record; former secrets are deleted last."""
        before = self._portals.read(proved.member_id)
        pair = proved.pair
        arn, version = self._tokens.keep(pair, proved.client_id)
        portal = Portal(
            member_id=proved.member_id,
            domain=proved.domain,
            secret_arn=arn,
            token_version=version,
            kind=PortalKind.OAUTH,
            scopes=pair.scopes or None,
            client_id=proved.client_id,
            server=pair.server,
            owner_id=pair.user_id,
            refreshed_at=self._clock.now(),
            application_tokens=frozenset({hashed(application_token)} if application_token else ()),
            public_url=public_url,
        )
        if before is not None:
            portal = portal._replace(
                rate=before.rate,
                burst=before.burst,
                paced_by=before.paced_by,
                bot_id=before.bot_id,
                bot_api=before.bot_api,
                command_id=before.command_id,
                # A portal that sends no application token keeps its former one (bitrix24.md 4.1).
                application_tokens=portal.application_tokens or before.application_tokens,
            )
        with self._tokens.named(proved.member_id, arn, self._telemetry):
            saved = self._portals.save(portal, by_operator=self._settled(proved))
        self._tokens.wipe_former(saved, self._facts, self._telemetry)
        if before is not None and before.state in ASKED_AGAIN:
            self._recoveries.report(before, before.state, before.state_code)
        return saved

    def _furnished(self, portal: Portal, deadline: Deadline) -> Installed:
        """Read the portal's capabilities, register bot and bindings, and store each in the record."""
        with_bot = self._translated(self._with_bot, portal, deadline)
        with_events = self._translated(self._with_events, with_bot.portal, deadline)
        return self._noted(with_events._replace(remarks=with_bot.remarks + with_events.remarks))

    def _noted(self, installed: Installed) -> Installed:
        self._telemetry.note(remarks=[remark.value for remark in installed.remarks])
        return installed

    def _with_bot(self, portal: Portal, deadline: Deadline) -> Installed:
        can = probe(self._calls, portal, deadline)
        portal = portal._replace(scopes=can.scopes or portal.scopes, bot_revision=can.bot_revision)
        if not portal.paced_by:
            portal = portal._replace(rate=can.rate, burst=can.burst)
        self._facts.learn(portal, *_PROBED)
        registered = self._registering.register_bot(portal, can.bot_api, deadline)
        self._facts.learn(registered.portal, *_REGISTERED)
        return Installed(registered.portal, registered.remarks)

    def _with_events(self, portal: Portal, deadline: Deadline) -> Installed:
        return Installed(portal, self._registering.bind(portal, deadline))

    def _translated(self, furnish: _Furnish, portal: Portal, deadline: Deadline) -> Installed:
        try:
            return furnish(portal, deadline)
        except BitrixError as error:
            raise for_caller(error, self._clock.now()) from None

    def _settled(self, proved: Proved) -> bool:
        """Whether the application is a local one; such a one is of the portal's current domain from here on."""
        record = self._applications.record(proved.client_id)
        if record is None or record.kind is not ApplicationKind.LOCAL:
            return False
        self._applications.move(record, proved.domain)
        return True
