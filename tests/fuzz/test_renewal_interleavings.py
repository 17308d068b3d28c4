"""The state machine of token renewal in random interleavings: expiry, crash, lag, outage, uninstall, install."""

from collections import Counter
from collections.abc import Callable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.credentials.renewal import LEASE, Pointer
from chat_lookup.errors import ChatLookupError
from chat_lookup.portals.portal import PortalState
from tests.support.interleaving import Actor, Killed, Stage
from tests.support.tokens.renewal_model import Portal, pair_number, run_all, start_renewal

OUTAGE = BitrixError("HTTP_5XX", 503, method="oauth/token")


def steps(portal: Portal, actor: Actor) -> None:
    portal.stage.advance(actor)


def dies(portal: Portal, actor: Actor) -> None:
    portal.stage.kill(actor)


def the_lease_expires(portal: Portal, _: Actor) -> None:
    portal.stage.time += LEASE + 1


def the_server_is_slow_or_fast(portal: Portal, _: Actor) -> None:
    portal.server_takes = 0.0 if portal.server_takes else 6.0


def no_version_can_be_reserved(portal: Portal, _: Actor) -> None:
    portal.reserving_fails += 1


def another_starts(portal: Portal, _: Actor) -> None:
    start_renewal(portal, f"late{len(portal.stage.actors)}", refused=portal.expect().version)


def is_installed_again(portal: Portal, _: Actor) -> None:
    portal.issued += 1
    portal.alive = portal.issued
    portal.secrets[f"i{portal.issued}"] = (portal.stage.now(), pair_number(portal.issued))
    portal.record = Pointer(f"i{portal.issued}")
    portal.pointed.append(portal.issued)


def is_uninstalled(portal: Portal, _: Actor) -> None:
    portal.record = portal.expect()._replace(state=PortalState.UNINSTALLED)


def the_server_fails_or_recovers(portal: Portal, _: Actor) -> None:
    portal.refusal = OUTAGE if portal.refusal is None else None


HAPPENS: Mapping[Callable[[Portal, Actor], None], int] = {
    steps: 12,
    dies: 1,
    the_lease_expires: 1,
    another_starts: 1,
    is_installed_again: 1,
    is_uninstalled: 1,
    the_server_fails_or_recovers: 1,
    the_server_is_slow_or_fast: 1,
    no_version_can_be_reserved: 1,
}
"""The possible next events with their relative frequency."""


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_interleaving_overwrites_a_newer_pair_or_spends_one_twice(data: st.DataObject) -> None:
    portal = Portal(Stage(), lag=data.draw(st.sampled_from([0.0, 0.0, 2.0, 5.0])))
    unsaved = portal.saving_fails = data.draw(st.integers(0, 2))
    for number in range(data.draw(st.integers(1, 5))):
        start_renewal(portal, f"p{number}")
    happened: Counter[Callable[[Portal, Actor], None]] = Counter()
    for _ in range(data.draw(st.integers(1, 120))):
        ready = portal.stage.ready()
        if not ready:
            break
        what = data.draw(st.sampled_from([each for each, share in HAPPENS.items() for _ in range(share)]))
        what(portal, data.draw(st.sampled_from(ready)))
        happened[what] += 1
    before = portal.expect()
    run_all(portal)
    holds(portal, before, happened, unsaved)


def holds(
    portal: Portal, before: Pointer, happened: Mapping[Callable[[Portal, Actor], None], int], unsaved: int
) -> None:
    """The invariants after any events; `before` is the record after the last event."""
    # Never a newer pair overwritten by an older one.
    assert portal.pointed == sorted(set(portal.pointed))
    # A running renewal leaves a portal uninstalled and its pointer unchanged.
    if before.state is PortalState.UNINSTALLED:
        assert (portal.expect().state, portal.expect().version) == (PortalState.UNINSTALLED, before.version)
    # No pair is requested twice, unless a lock holder exceeded its lease, died, or could not save the new pair.
    excuses = happened[dies] + happened[the_lease_expires] + happened[is_installed_again] + unsaved
    assert len(portal.judged) - len(set(portal.judged)) <= excuses
    assert all(isinstance(actor.error, ChatLookupError | Killed | None) for actor in portal.stage.actors)
    # Each move of the pointer and each dead grant was counted, in any process.
    moved = len(portal.pointed) - 1 - happened[is_installed_again]
    assert portal.outcomes.count("refreshed") + portal.outcomes.count("adopted") >= moved
    if portal.expect().state is PortalState.REAUTHORISE:
        assert {"dead", "lost"} & set(portal.outcomes)
    # The grant is lost only after one of these.
    if not excuses:
        assert portal.expect().state is not PortalState.REAUTHORISE
