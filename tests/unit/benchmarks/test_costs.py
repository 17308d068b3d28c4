"""The costs in docs/costs.md are computed from the counts and the prices alone."""

import json
import re
from copy import deepcopy
from typing import Any

import pytest

from benchmarks.cost import document, kinds
from benchmarks.cost.model import Found, dollars
from benchmarks.cost.prices import MILLION, PRICES

RESULTS: dict[str, Any] = json.loads(document.RESULTS.read_text())


def with_figure(name: str, median: float) -> Found:
    """The results with one figure replaced."""
    changed = deepcopy(RESULTS)
    for figure in changed["figures"]:
        if figure["name"] == name:
            figure["ours"]["median"] = median
    return Found.of(changed)


def test_document_equals_the_one_made_from_the_committed_results_and_the_template() -> None:
    assert document.DOCUMENT.read_text() == document.written(), (
        "make bench, or python -m benchmarks.cost.document, writes it again"
    )


def test_document_without_counts_is_refused() -> None:
    with pytest.raises(LookupError, match="no counts"):
        Found.of({"figures": []})


def test_each_table_of_the_document_is_whole() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", document.DOCUMENT.read_text(), re.MULTILINE):
        widths = {line.count("|") for line in table.splitlines()}
        assert len(widths) == 1, table


@pytest.mark.parametrize("hits", [0.0, 0.5, 0.9])
def test_more_hits_never_cost_more(hits: float) -> None:
    found = Found.of(RESULTS)
    assert dollars(found.look_up(hits + 0.1)) < dollars(found.look_up(hits))


def test_extra_unit_of_a_miss_costs_its_price_and_leaves_a_hit_unchanged() -> None:
    found = Found.of(RESULTS)
    units = found("write units", kinds.MISS)
    dearer = with_figure(f"write units, {kinds.MISS}", units + 1)
    more = dollars(dearer.look_up(0.0)) - dollars(found.look_up(0.0))
    assert more * MILLION == pytest.approx(PRICES["write"].of(MILLION))
    assert dearer.look_up(1.0) == found.look_up(1.0)


@pytest.mark.parametrize("deployment", ["AllAtOnce", "Canary10Percent5Minutes"])
def test_idle_stack_costs_less_than_two_dollars_with_three_alarms_and_less_with_none(deployment: str) -> None:
    full, basic, none = (
        document.idle_dollars(Found.of(RESULTS), document.deployed(), extent, deployment)
        for extent in ("full", "basic", "none")
    )
    assert none < basic < 2 < full


def test_event_costs_receiver_worker_queue_and_bus() -> None:
    found = Found.of(RESULTS)
    event = found.event(kinds.WORKED)
    assert (event["api"], event["invocations"], event["bus"]) == (1, 2, 1)
    assert event["write"] == found("write units", kinds.WORKED)


def test_every_kind_was_counted_and_what_asks_the_portal_costs_more_than_its_cached_answer() -> None:
    found = Found.of(RESULTS)
    assert [kind for kind in kinds.KINDS if not found("CPU", kind)] == []
    assert [kind for kind in kinds.KINDS if kind != kinds.HIT_IN_MEMORY and not found("requests", kind)] == []
    for kind, asked in zip(kinds.OF_OBJECTS[::2], kinds.OF_OBJECTS[1::2], strict=True):
        assert dollars(found.request(kind)) < dollars(found.request(asked)), kind
        assert found("requests to the portal", asked) >= 1


def test_batch_costs_less_than_its_objects_one_by_one_and_relatives_cost_more_than_none() -> None:
    found = Found.of(RESULTS)
    for one, whole, many in (
        (kinds.OBJECT, kinds.OBJECT_WHOLE, kinds.OBJECTS),
        (kinds.OBJECT_ASKED, kinds.OBJECT_WHOLE_ASKED, kinds.OBJECTS_ASKED),
    ):
        alone = dollars(found.request(one))
        assert alone < dollars(found.request(whole))
        assert dollars(found.request(many)) < 200 * alone


def test_every_price_names_its_source() -> None:
    assert all(re.fullmatch(r"https://\S+", price.source) for price in PRICES.values())
