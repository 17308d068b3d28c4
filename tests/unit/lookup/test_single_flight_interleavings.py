"""One miss through random interleavings: deaths, slow portals, clocks that differ, those who want it fresh."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_lookup.cache.leases import LEASE
from chat_lookup.clock import SKEW
from chat_lookup.errors import ChatNotAccessible, PortalBusy, PortalUnavailable
from chat_lookup.observability.telemetry import Telemetry
from tests.support.interleaving import Killed, Stage
from tests.support.stores.unknown_pair import CHAT, Portal, runs_out

WRONG_BY = st.sampled_from([-SKEW / 2, 0.0, SKEW / 2])
HAPPENS = ("goes on",) * 16 + ("dies", "is slow", "another comes")


def ends_well(portal: Portal, excuses: int, *, failing: bool) -> None:
    """Everybody who lives has the answer, or what the portal said, or ran out of time; for one call, with excuses."""
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
def test_no_interleaving_asks_twice_what_one_call_answers(telemetry: Telemetry, data: st.DataObject) -> None:
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
        elif what == "another comes":
            portal.begin(f"late{len(stage.actors)}", seconds=60, wrong_by=data.draw(WRONG_BY))
        else:
            stage.advance(actor)
    runs_out(stage)
    # Who comes after a failure asks anew: the failure serves only those who waited with it.
    ends_well(portal, happened["dies"] + happened["is slow"] + (len(stage.actors) if failing else 0), failing=failing)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_who_wants_it_fresh_is_never_told_what_was_asked_for_before_he_came(
    telemetry: Telemetry, data: st.DataObject
) -> None:
    stage = Stage()
    portal = Portal(stage, telemetry, takes=data.draw(st.sampled_from([0.1, 1.0])))
    came = {}
    for number in range(data.draw(st.integers(2, 6))):
        for _ in range(data.draw(st.integers(0, 12))):
            if ready := stage.ready():
                stage.advance(data.draw(st.sampled_from(ready)))
        fresh, wrong_by = data.draw(st.booleans()), data.draw(WRONG_BY)
        actor = portal.begin(f"p{number}", seconds=60, wrong_by=wrong_by, fresh=fresh)
        if fresh:
            came[actor] = stage.now()
    runs_out(stage)
    for actor, moment in came.items():
        assert actor.error is None
        assert isinstance(actor.result, tuple)
        # By the clock of whoever asked, which may be wrong by half of what is allowed for.
        assert actor.result[0].asked_at >= moment - SKEW / 2
