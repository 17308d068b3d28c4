"""The portals that tests share are the same before each test, whatever the test before has switched."""

from tests.support.portals.switches import AS_USUAL, OTHERWISE
from tests.support.portals.unknown_portal import Stage


def test_every_switch_of_both_portals_is_as_usual_after_a_reset(stage: Stage) -> None:
    for switched in (stage.tell, stage.service.control):
        assert switched("/shape", OTHERWISE) == OTHERWISE
    stage.reset()
    assert stage.ask("/shape") == stage.service.control("/shape") == AS_USUAL


def test_installation_that_tests_share_keeps_the_version_of_its_bot_and_no_other_switch(stage: Stage) -> None:
    stage.tell("/shape", OTHERWISE)
    stage.begin_again()
    assert stage.ask("/shape") == {**AS_USUAL, "bot_api": OTHERWISE["bot_api"]}
