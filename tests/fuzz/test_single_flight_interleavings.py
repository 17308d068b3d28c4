"""One miss in random interleavings: crashes, slow portals, clocks that differ, fresh look-ups."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_lookup.cache.leases import LEASE
from chat_lookup.clock import SKEW
from chat_lookup.errors import ChatNotAccessible, PortalBusy, PortalUnavailable
from chat_lookup.observability.telemetry import Telemetry
from tests.support.interleaving import Killed, Stage
from tests.support.stores.unknown_pair import CHAT, Portal, run_all

WRONG_BY = st.sampled_from([-SKEW / 2, 0.0, SKEW / 2])
HAPPENS = ("continues",) * 16 + ("dies", "is slow", "another starts")


def ends_well(portal: Portal, excuses: int, *, failing: bool) -> None:
    """Every living caller has the answer, the portal's error or no time left; one call, plus one per excuse."""
    for actor in portal.stage.actors:
        if actor.error is None and not actor.doomed:
            assert isinstance(actor.result, tuple)
            assert actor.result[0].chat_id == CHAT
            assert actor.result[1] in ("portal", "cache")
        elif actor.error is not None:
            expected = (Killed, PortalBusy, PortalUnavailable) + ((ChatNotAccessible,) if failing else ())
            assert isinstance(actor.error, expected), actor.error
    assert portal.calls <= 1 + excuses


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_interleaving_calls_twice_for_one_answer(telemetry: Telemetry, data: st.DataObject) -> None:
    stage = Stage()
    failing = data.draw(st.booleans())
    portal = Portal(
        stage,
        telemetry,
        ahead=data.draw(st.sampled_from([0.0, 0.0, 4.0, 10.0])),
        takes=data.draw(st.sampled_from([0.0, 0.3, 1.5])),
        failures=[ChatNotAccessible(portal_error="ACCESS_ERROR")] if failing else [],
    )
    for number in range(data.draw(st.integers(1, 6))):
        portal.begin(f"p{number}", seconds=60, wrong_by=data.draw(WRONG_BY))
    happened: Counter[str] = Counter()
    for _ in range(data.draw(st.integers(1, 80))):
        ready = stage.ready()
        if not ready:
            break
        actor, what = data.draw(st.sampled_from(ready)), data.draw(st.sampled_from(HAPPENS))
        happened[what] += 1
        if what == "dies":
            stage.kill(actor)
        elif what == "is slow":
            stage.time += LEASE + 1
        elif what == "another starts":
            portal.begin(f"late{len(stage.actors)}", seconds=60, wrong_by=data.draw(WRONG_BY))
        else:
            stage.advance(actor)
    run_all(stage)
    # A caller after a failure calls again: the failure is shared only with the callers that waited.
    ends_well(portal, happened["dies"] + happened["is slow"] + (len(stage.actors) if failing else 0), failing=failing)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_fresh_look_up_never_gets_an_answer_requested_before_it_started(
    telemetry: Telemetry, data: st.DataObject
) -> None:
    stage = Stage()
    portal = Portal(stage, telemetry, takes=data.draw(st.sampled_from([0.1, 1.0])))
    started = {}
    for number in range(data.draw(st.integers(2, 6))):
        for _ in range(data.draw(st.integers(0, 12))):
            if ready := stage.ready():
                stage.advance(data.draw(st.sampled_from(ready)))
        fresh, wrong_by = data.draw(st.booleans()), data.draw(WRONG_BY)
        actor = portal.begin(f"p{number}", seconds=60, wrong_by=wrong_by, fresh=fresh)
        if fresh:
            started[actor] = stage.now()
    run_all(stage)
    for actor, moment in started.items():
        assert actor.error is None
        assert isinstance(actor.result, tuple)
        # By the clock of the calling process, which may be wrong by half of the allowed skew.
        assert actor.result[0].asked_at >= moment - SKEW / 2
