"""The report about a portal: what is stored of it, and what it replies to one request (docs/decisions/032)."""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from chat_lookup.bitrix24.batch import BatchAnswer
from chat_lookup.bitrix24.client import Command
from chat_lookup.bitrix24.error_table import PORTAL_RENAMED
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass, classify
from chat_lookup.calls.circuit_state import State
from chat_lookup.calls.gcra import Pace, RateState
from chat_lookup.clock import Clock, Deadline, iso_time
from chat_lookup.credentials.applications import ApplicationRecord
from chat_lookup.doctor.findings import Finding, FindingCode, next_look, quoted
from chat_lookup.doctor.records import from_record, from_token_age
from chat_lookup.doctor.replies import commands, from_replies
from chat_lookup.errors import ChatLookupError
from chat_lookup.observability.aws_failures import FAILED, code_of
from chat_lookup.portals.api_keys import ApiKey
from chat_lookup.portals.portal import Portal, PortalKind, PortalState

CLOCKS_AGREE: Final = 30.0
"""Seconds by which the portal's clock and ours may differ."""
_LONGEST: Final = 8.0
"""Seconds for one portal, the wait for its slot included."""
_MOST_NAMED: Final = 5
_ORDER: Final = {code: place for place, code in enumerate(FindingCode)}


class Inspected(Protocol):
    """Calls a portal so that nothing is learned from its reply (`calls.portal_calls.PortalCalls`)."""

    def inspect(self, portal: Portal, commands: tuple[Command, ...], deadline: Deadline) -> BatchAnswer: ...


class CircuitsRead(Protocol):
    def state_of(self, member_id: str) -> State: ...


class PacesRead(Protocol):
    def state_of(self, member_id: str, pace: Pace) -> RateState: ...


class ApplicationsRead(Protocol):
    def record(self, client_id: str) -> ApplicationRecord | None: ...


class KeysRead(Protocol):
    def of(self, member_id: str) -> Iterable[ApiKey]: ...


class PortalsRead(Protocol):
    def read(self, member_id: str) -> Portal | None: ...


class Doctor:
    """Examines portals. Changes nothing: no state, no circuit, no capability, and no pace but for the one request."""

    def __init__(
        self,
        portals: PortalsRead,
        calls: Inspected,
        circuits: CircuitsRead,
        paces: PacesRead,
        applications: ApplicationsRead,
        keys: KeysRead,
        clock: Clock,
    ) -> None:
        self._portals = portals
        self._calls = calls
        self._circuits = circuits
        self._paces = paces
        self._applications = applications
        self._keys = keys
        self._clock = clock

    def examine(self, portal: Portal, own_address: str, deadline: Deadline) -> list[Finding]:
        """What is wrong with a portal, what stops everything first; empty if all is well. Works in every state.

        `own_address` is where the service is reached now; empty where that is not known. Never raises for what a store
        or the portal refuses: that is a finding.
        """
        # Old tokens are left to a look-up: a call would renew them, and hide that the keepalive does not.
        found = list(from_token_age(portal, self._clock.now()))
        found += self._asked(portal, deadline.no_later_than(_LONGEST), calls=not found)
        # The renewal of an expired pair may have closed the portal, or found its new address.
        current = self._read(portal, found)
        if current.state is not PortalState.ACTIVE:
            found = [each for each in found if each.code is not FindingCode.NOT_ASKED]
        found += from_record(current, own_address, self._clock.now())
        found += self._application(current)
        found += self._suspended(current)
        return sorted(dict.fromkeys(found), key=lambda each: _ORDER[each.code])

    def _suspended(self, portal: Portal) -> Iterator[Finding]:
        """Keys that a new installation did not make valid again: callers get 401, although the portal is well."""
        if portal.state is PortalState.UNINSTALLED:
            return
        now = self._clock.now()
        try:
            keys = [
                key.key_id
                for key in self._keys.of(portal.member_id)
                if key.is_suspended(portal) and not key.is_expired(now)
            ]
        except FAILED as error:
            yield _unread("the portal's keys", error)
            return
        if keys:
            named = ", ".join(keys[:_MOST_NAMED]) + (", ..." if len(keys) > _MOST_NAMED else "")
            yield Finding(
                FindingCode.KEYS_SUSPENDED,
                f"Keys that an uninstallation suspended, {len(keys)} ({named}): their callers get 401 key-rejected",
            )

    def _read(self, portal: Portal, found: list[Finding]) -> Portal:
        try:
            return self._portals.read(portal.member_id) or portal
        except FAILED as error:
            found.append(_unread("the portal's record", error))
            return portal

    def _asked(self, portal: Portal, deadline: Deadline, *, calls: bool) -> Iterator[Finding]:
        """What the portal replies, if it is called at all: a closed portal is not, and its state is the finding."""
        is_open = calls and portal.state is PortalState.ACTIVE
        try:
            state = self._circuits.state_of(portal.member_id)
            if state.code and portal.state is not PortalState.UNINSTALLED:
                yield _open_circuit(state, self._clock.now())
                is_open = False
            yield from self._pace(portal)
        except FAILED as error:
            yield _unread("the state of the portal's circuit and pace", error)
        if is_open:
            yield from self._inspected(portal, deadline)

    def _pace(self, portal: Portal) -> Iterator[Finding]:
        now = self._clock.now()
        row = self._paces.state_of(portal.member_id, Pace(portal.rate, portal.burst))
        if row.blocked(now):
            why = "is out of service" if row.unavailable else "refused calls for too many requests"
            yield Finding(FindingCode.PACE_LOWERED, f"The portal {why}: no calls before {iso_time(row.blocked_until)}")
        elif row.factor_at(now) < 1:
            share = round(row.factor_at(now) * 100)
            yield Finding(
                FindingCode.PACE_LOWERED,
                f"The portal refused calls for too many requests at {iso_time(row.lowered_at)}: "
                f"{share} % of its pace are used",
            )

    def _inspected(self, portal: Portal, deadline: Deadline) -> Iterator[Finding]:
        asked = commands(portal)
        began = self._clock.now()
        try:
            answer = self._calls.inspect(portal, asked, deadline)
        except BitrixError as error:
            yield _failed(portal, error)
        except ChatLookupError as error:
            yield Finding(FindingCode.NOT_ASKED, f"The portal was not asked: {error.detail}")
        except FAILED as error:
            yield _unread("the portal's grant", error)
        else:
            yield from from_replies(portal, asked, answer.outcomes)
            yield from _clock_off(answer.time.finished_at, began, self._clock.now())

    def _application(self, portal: Portal) -> Iterator[Finding]:
        if portal.kind is not PortalKind.OAUTH or portal.state is PortalState.UNINSTALLED:
            return
        try:
            if self._applications.record(portal.client_id) is None:
                yield Finding(
                    FindingCode.APPLICATION_MISSING,
                    f"The keys of the portal's application {quoted(portal.client_id)} are not stored",
                )
        except FAILED as error:
            yield _unread("the application's record", error)


def _open_circuit(state: State, now: float) -> Finding:
    """Blocked by a code of the portal's own, or down: as in `portals.recovery`."""
    kind = classify("", state.code, state.status).error_class
    code = FindingCode.BLOCKED if kind is ErrorClass.PORTAL else FindingCode.UNREACHABLE
    why = ", ".join(quoted(each) for each in (state.code, state.host, state.connection) if each)
    verb = "refuses all calls" if code is FindingCode.BLOCKED else "does not reply"
    return Finding(code, f"The portal {verb} ({why}); {next_look(state.probe_at, now)}")


def _failed(portal: Portal, error: BitrixError) -> Finding:
    why = f"{quoted(error.code)}, status {error.status}"
    if error.metric_code == PORTAL_RENAMED:
        return Finding(FindingCode.MOVED, f"{portal.domain} redirects to a new address")
    if error.error_class is ErrorClass.REFRESH or error.bad_webhook:
        return Finding(FindingCode.TOKEN_REFUSED, f"The portal refuses our credential: {why}")
    where = ", ".join(quoted(each) for each in (error.host, error.connection or "") if each)
    return Finding(FindingCode.PORTAL_FAILED, f"The portal refused or failed: {why}{f' ({where})' if where else ''}")


def _unread(what: str, error: Exception) -> Finding:
    return Finding(FindingCode.NOT_CHECKED, f"Not read: {what} ({code_of(error)})")


def _clock_off(finished_at: float | None, began: float, ended: float) -> Iterator[Finding]:
    """The portal's reply was written between our request and now; any other moment is one of another clock."""
    if finished_at is None:
        return
    off = finished_at - ended if finished_at > ended else min(0.0, finished_at - began)
    if abs(off) > CLOCKS_AGREE:
        direction = "ahead of" if off > 0 else "behind"
        yield Finding(FindingCode.CLOCK_OFF, f"The portal's clock is {abs(off):.0f} s {direction} ours")
