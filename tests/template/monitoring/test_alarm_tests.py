"""Every alarm on a metric of ours has a test that the metric is counted, and a gap in the table is found."""

import copy
from collections.abc import Callable

import pytest

from tests.template.file import TEMPLATE
from tests.template.monitoring.alarm_tests import ALARM_TESTS, RULES, Rule, Tests
from tests.template.reading import Mapping

Breach = Callable[[Mapping, Tests], object]


def _properties(template: Mapping, alarm: str) -> Mapping:
    properties: Mapping = template["Resources"][alarm]["Properties"]
    return properties


def _outcome(name: str) -> list[dict[str, object]]:
    return [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}, {"Name": "outcome", "Value": name}]


BREACHES: dict[str, list[Breach]] = {
    "has_a_test_for_each_metric": [
        lambda _, table: table.pop("TokenDeadAlarm"),
        lambda _, table: table["KeepaliveUnfinishedAlarm"].pop("KeepaliveRuns outcome=postponed"),
        lambda _, table: table.update(NoSuchAlarm={"EventsLost": "tests/unit/test_config.py::test_it"}),
        lambda _, table: table.update(OldestEventAlarm={"ApproximateAgeOfOldestMessage": "tests/unit/test_it.py"}),
        lambda template, _: template["Resources"].pop("EventsLostAlarm"),
        lambda template, _: _properties(template, "TokenDeadAlarm").update(Dimensions=_outcome("unpaid")),
        lambda template, _: _properties(template, "OldestEventAlarm").update(Namespace="ChatLookup"),
    ],
    "names_tests_that_exist": [
        lambda _, table: table["TokenAgeAlarm"].update(TokenAge="tests/unit/credentials/test_renewal_ports.py"),
        lambda _, table: table["TokenAgeAlarm"].update(TokenAge="tests/unit/credentials/test_renewal_ports.py::renew"),
        lambda _, table: table["TokenAgeAlarm"].update(TokenAge="tests/unit/credentials/test_none.py::test_age"),
    ],
    "names_tests_of_that_metric": [
        lambda _, table: table["TokenAgeAlarm"].update(TokenAge=ALARM_TESTS["EventsLostAlarm"]["EventsLost"]),
        lambda _, table: table["KeepaliveUnfinishedAlarm"].update(
            {"KeepaliveRuns outcome=postponed": table["KeepaliveUnfinishedAlarm"]["KeepaliveRuns outcome=failed"]}
        ),
    ],
}


@pytest.mark.parametrize("rule", RULES)
def test_table_of_alarm_tests_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(TEMPLATE, ALARM_TESTS)) == []


@pytest.mark.parametrize(("rule", "breach"), [(rule, breach) for rule in RULES for breach in BREACHES[rule.__name__]])
def test_breach_in_the_table_of_alarm_tests_is_found(rule: Rule, breach: Breach) -> None:
    template, table = copy.deepcopy((TEMPLATE, ALARM_TESTS))
    breach(template, table)
    assert list(rule(template, table)) != []


def test_each_rule_of_the_table_has_breaches() -> None:
    assert BREACHES.keys() == {rule.__name__ for rule in RULES}
