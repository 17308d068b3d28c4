"""What the service costs: prices times what `counts` found. Writes docs/costs.md: `python -m benchmarks.cost.document`.

The text is costs.md beside this file, with a field for each number. Nothing is measured here: a number that is neither
counted nor a price is an assumption, and is in the table of assumptions.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.cost import kinds
from benchmarks.cost.model import ASSUMED, GB, MONTH, Amounts, Found, assumed, dollars
from benchmarks.cost.prices import GATHERED, MILLION, PRICES
from chat_lookup.events.queue import LONGEST_WAIT, delay_of
from chat_lookup.observability.metrics import EMITTED
from local.stack import ROOT
from local.template.applications import as_one
from local.template.deployment import Deployment
from local.template.intrinsics import mapping, parsed

RESULTS: Final = ROOT / "benchmarks/results.json"
DOCUMENT: Final = ROOT / "docs/costs.md"
_TEXT: Final = Path(__file__).with_name("costs.md")

_SHARES: Final = (0.0, 0.5, 0.9, 0.99)
_POLL: Final = 20.0
_ROUTE_METRICS: Final = 6
_PORTALS: Final = (1, 100, 10_000)
_HOURS: Final = MONTH / 3600
_EXTENTS: Final = ("full", "basic", "none")
"""The values of Monitoring."""
_AT_ONCE: Final = "AllAtOnce"
_SLOWLY: Final = "Canary10Percent5Minutes"
"""A Deployment that has alarms of functions with every Monitoring."""
_OF_THE_GATEWAY: Final = 10_000
"""Requests a second that an account's gateways let through by default."""

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "API": ("api",),
    "Lambda": ("invocations", "compute"),
    "DynamoDB": ("read", "write"),
    "SQS and bus": ("queue", "bus"),
    "logs": ("logs",),
    "traces": ("traces",),
}


def document(results: Mapping[str, Any], template: Mapping[str, object], text: str) -> str:
    """docs/costs.md, of `results.json`, `template.yaml` and the text with its fields. Raises LookupError as `Found`."""
    found = Found.of(results)
    idle = {extent: idle_dollars(found, template, extent) for extent in _EXTENTS}
    slowly = {extent: idle_dollars(found, template, extent, _SLOWLY) for extent in _EXTENTS}
    fields = {
        **{f"idle_{extent}": f"{each:.2f}" for extent, each in idle.items()},
        "idle_slowly": f"{slowly['basic'] - idle['basic']:.2f}",
        "million": f"{dollars(found.look_up(0.9)) * MILLION:.2f}",
        "gathered": GATHERED,
        "look_ups": _table(("of a million look-ups, hits", *_COLUMNS, "together"), _look_ups(found)),
        "objects": _table(("a million, about objects", *_COLUMNS, "together"), _objects(found)),
        "object_writes": f"{found('write units', kinds.OBJECT_WHOLE_ASKED):.0f}",
        "batch_portal": f"{found('requests to the portal', kinds.OBJECTS_ASKED):.0f}",
        "events": _table(("a million events", *_COLUMNS, "together"), _events(found, _most_events(template))),
        **_forged(found, _most_events(template)),
        "fixed": _table(
            ("every month", *(head for extent in _EXTENTS for head in (f"`{extent}`", "dollars"))),
            _fixed(found, template),
        ),
        "optional": _table(("what is optional, or happens to you", "dollars"), _optional(found, template)),
        "portals": _table(
            ("portals", "the stack's share", "secret", "traffic", "one portal", "all"), _portals(found, template)
        ),
        "assumptions": _table(("assumed", "is"), [(f"{each.value:,.0f}", each.what) for each in ASSUMED.values()]),
        "prices": _table(("dollars", "for", "by"), _prices()),
        "counted": _table(("", "CPU, ms", "requests", "read units", "write units", "logged, bytes"), _counted(found)),
        **_scales(found, _default(template, "WorkerConcurrency")),
    }
    return text.format_map(fields)


def _look_ups(found: Found) -> Iterable[Sequence[str]]:
    for share in _SHARES:
        yield f"{share:.0%}", *_priced(found.look_up(share))


def _objects(found: Found) -> Iterable[Sequence[str]]:
    for kind in (
        kinds.OBJECT,
        kinds.OBJECT_ASKED,
        kinds.OBJECT_WHOLE,
        kinds.OBJECT_WHOLE_ASKED,
        kinds.OBJECTS,
        kinds.OBJECTS_ASKED,
        kinds.FOUND,
        kinds.FOUND_ASKED,
    ):
        yield kind, *_priced(found.request(kind))


def _events(found: Found, most: float) -> Iterable[Sequence[str]]:
    for name, kind in (
        ("of chats that are known", kinds.WORKED_KNOWN),
        ("each of a new chat, of an application's own type", kinds.WORKED),
        ("each of a new chat, of a module's type: the portal is asked", kinds.WORKED_ASKING),
    ):
        yield name, *_priced(found.event(kind))
    yield "a million hops of events that wait", *_priced(found.hop())
    yield f"forged, {most:,.0f} a second", *_priced(replace(found, often=most).forged_event())


def _forged(found: Found, most: float) -> Mapping[str, str]:
    """The numbers in the text about forged events, at the highest rate that the gateway lets through."""
    a_second = dollars(replace(found, often=most).forged_event()) * most
    return {
        "most_events": f"{most:,.0f}",
        "forged_day": f"{a_second * 86_400:,.0f}",
        "forged_month": f"{a_second * MONTH:,.0f}",
    }


def _most_events(template: Mapping[str, object]) -> float:
    return _default(template, "EventsPerSecond")


def _default(template: Mapping[str, object], name: str) -> float:
    """The default of a parameter that is a number."""
    return float(str(mapping(mapping(template["Parameters"], "Parameters")[name], name)["Default"]))


def _priced(amounts: Amounts) -> Sequence[str]:
    """Dollars for a million, by column, and together."""
    columns = [dollars({name: amounts.get(name, 0) * MILLION for name in names}) for names in _COLUMNS.values()]
    return [f"{each:.2f}" for each in (*columns, sum(columns))]


def _fixed_amounts(
    found: Found, template: Mapping[str, object], extent: str, shifts: str
) -> Mapping[str, tuple[str, float]]:
    """The fixed monthly amounts of a stack: by description, the name of the price and the amount.

    `extent` is the parameter Monitoring, `shifts` the parameter Deployment.
    """
    deployment = Deployment.by_default(template, Monitoring=extent, Deployment=shifts)
    resources = [mapping(each, name) for name, each in deployment.settled(template)["Resources"].items()]
    alarms = [mapping(each["Properties"], "Alarm") for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    (api,) = (mapping(each["Properties"], "Api") for each in resources if each["Type"] == "AWS::Serverless::HttpApi")
    by_route = mapping(api["DefaultRouteSettings"], "Api")["DetailedMetricsEnabled"] is True
    return {
        "metrics that alarms watch": ("alarms", sum(map(_watched, alarms))),
        "dashboard": ("dashboards", sum(each["Type"] == "AWS::CloudWatch::Dashboard" for each in resources)),
        "metrics of the functions, those of the counted kinds": ("metrics", _emitted(found, template, deployment)),
        "metrics of the gateway, by route": ("metrics", by_route * assumed("routes") * _ROUTE_METRICS),
        "polls of the empty queue": ("queue", assumed("pollers") * MONTH / _POLL),
        "secret of an application": ("secrets", assumed("applications")),
        "secret of the page's sessions": (
            "secrets",
            sum(each["Type"] == "AWS::SecretsManager::Secret" for each in resources),
        ),
    }


def _emitted(found: Found, template: Mapping[str, Any], deployment: Deployment) -> float:
    """How many metrics come up while all goes well: of those of the alarms (METRICS=alarms) none."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    return found.figures[kinds.SERIES] if EMITTED[deployment.kept(variables["METRICS"])] is None else 0


def _watched(alarm: Mapping[str, object]) -> int:
    """How many metrics an alarm is billed for."""
    queries = alarm.get("Metrics")
    return sum("MetricStat" in query for query in queries) if isinstance(queries, list) else 1


def _fixed(found: Found, template: Mapping[str, object]) -> Iterable[Sequence[str]]:
    columns = [_fixed_amounts(found, template, extent, _AT_ONCE) for extent in _EXTENTS]
    for words in columns[0]:
        of_words = [column[words] for column in columns]
        yield (
            words,
            *(cell for name, amount in of_words for cell in (f"{amount:,.0f}", f"{PRICES[name].of(amount):.2f}")),
        )
    totals = (f"{idle_dollars(found, template, extent):.2f}" for extent in _EXTENTS)
    yield "together", *(cell for total in totals for cell in ("", total))


def idle_dollars(found: Found, template: Mapping[str, object], extent: str = "full", shifts: str = _AT_ONCE) -> float:
    return sum(PRICES[name].of(amount) for name, amount in _fixed_amounts(found, template, extent, shifts).values())


def _optional(found: Found, template: Mapping[str, object]) -> Iterable[Sequence[str]]:
    """What is in no other table: by month, by use, by day."""
    snapshots = _snapshots(template)
    cached = PRICES["snapshots"].of(snapshots * GB * MONTH)
    yield f"`SnapStart`, each set of versions that is kept ({snapshots} functions), a month", f"{cached:.2f}"
    yield "`SnapStart`, a million starts from a snapshot", f"{PRICES['restores'].of(GB * MILLION):.2f}"
    series = PRICES["metrics"].of(found.figures[kinds.SERIES_OF_OBJECTS])
    yield "metrics of objects and of the page while they are in use, with `Monitoring=full`, a month", f"{series:.2f}"
    starts = assumed("starts")
    yield f"{starts:,.0f} starts of new processes, without a snapshot", f"{dollars(found.starts(starts)):.2f}"
    yield "`KeyArn`, the key, a month", f"{dollars({'keys': 1}):.2f}"
    yield (
        "`KeyArn`, a million requests to KMS: some for each new process, secret and message",
        (f"{dollars({'key requests': MILLION}):.2f}"),
    )
    hours = dollars({"gateway hours": _HOURS, "addresses": _HOURS})
    yield "a network with a NAT gateway and its address, each, a month", f"{hours:.2f}"
    yield "a network, a GB through the gateway", f"{dollars({'gateway bytes': 1e9}):.3f}"
    for often, words in ((_most_events(template), "at the limit by default"), (_OF_THE_GATEWAY, "without a limit")):
        day = dollars(replace(found, often=often).forged_event()) * often * 86_400
        yield f"forged events, {often:,.0f} a second ({words}), a day", f"{day:,.0f}"


def _snapshots(template: Mapping[str, Any]) -> int:
    """How many functions start from a snapshot with SnapStart."""
    resources = Deployment.by_default(template, SnapStart="true").settled(template)["Resources"].values()
    return sum(each["Properties"].get("SnapStart") == {"ApplyOn": "PublishedVersions"} for each in resources)


def _portals(found: Found, template: Mapping[str, object]) -> Iterable[Sequence[str]]:
    month = found.month_of_a_portal()
    secret = dollars({"secrets": 1})
    traffic = dollars(month) - secret
    for portals in _PORTALS:
        share = idle_dollars(found, template) / portals
        each = share + secret + traffic
        yield f"{portals:,}", f"{share:.2f}", f"{secret:.2f}", f"{traffic:.2f}", f"{each:.2f}", f"{each * portals:,.0f}"


def _counted(found: Found) -> Iterable[Sequence[str]]:
    for kind in kinds.KINDS:
        yield (
            kind,
            f"{found('CPU', kind):.1f}",
            f"{found('requests', kind):.0f}",
            f"{found('read units', kind):.1f}",
            f"{found('write units', kind):.0f}",
            f"{found('logged', kind):.0f}",
        )


def _prices() -> Iterable[Sequence[str]]:
    for price in PRICES.values():
        per = "" if price.per == 1 else f"{price.per:,} "
        yield f"{price.usd:g}", f"{per}{price.what}", price.source


def _scales(found: Found, at_a_time: float) -> Mapping[str, str]:
    """The numbers in the text about larger scales."""
    events, portals, daily = 1_000, 100_000, 1_000_000_000
    a_second = daily / 86_400
    received, worked, hit, miss = map(found.milliseconds, (kinds.RECEIVED, kinds.WORKED_KNOWN, kinds.HIT, kinds.MISS))
    event = replace(found, often=events).event(kinds.WORKED_KNOWN)
    look_up = replace(found, often=a_second).look_up(0.99)
    worked_kinds = (kinds.WORKED, kinds.WORKED_ASKING)
    return {
        "hit_more": f"{found('requests', kinds.HIT_FIRST) - found('requests', kinds.HIT):.0f}",
        "miss_more": f"{found('requests', kinds.MISS_FIRST) - found('requests', kinds.MISS):.0f}",
        "received_ms": f"{received:.0f}",
        "worked_ms": f"{worked:.0f}",
        "hit_ms": f"{hit:.0f}",
        "miss_ms": f"{miss:.0f}",
        "receivers": f"{events * received / 1e3:.0f}",
        "workers": f"{events * worked / 1e3:.0f}",
        "busy_workers": f"{at_a_time / worked * 1e3:,.0f}",
        "at_a_time": f"{at_a_time:.0f}",
        "event_reads": f"{events * max(found('read units', each) for each in worked_kinds):,.0f}",
        "event_writes": f"{events * max(found('write units', each) for each in worked_kinds):,.0f}",
        "hops_two_hours": f"{_hops(2 * 3600)}",
        "hops_at_most": f"{_hops(LONGEST_WAIT)}",
        "event_month": f"{dollars(event) * events * MONTH:,.0f}",
        "secrets_month": f"{PRICES['secrets'].of(portals):,.0f}",
        "renewals": f"{portals / 3600:.0f}",
        "due": f"{portals / 150:.0f}",
        "a_second": f"{a_second:,.0f}",
        "hits_at_once": f"{a_second * 0.99 * hit / 1e3:,.0f}",
        "misses_at_once": f"{a_second * 0.01 * miss / 1e3:,.0f}",
        "daily_reads": f"{a_second * look_up['read']:,.0f}",
        "daily_writes": f"{a_second * look_up['write']:,.0f}",
        "daily_logs": f"{a_second * look_up['logs'] / 1e6:.0f}",
        "daily_dollars": f"{dollars(look_up) * daily:,.0f}",
        "daily_log_dollars": f"{PRICES['logs'].of(look_up['logs']) * daily:,.0f}",
        "portals_needed": f"{daily * 0.01 / (2 * 86_400):,.0f}",
    }


def _hops(seconds: float) -> int:
    """How often an event is tried again in an outage of so many seconds that begins as it comes."""
    hop, waited = 0, 0
    while waited < seconds:
        hop += 1
        waited += delay_of(hop)
    return hop


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["|".join(("", *(f" {cell} " for cell in row), "")) for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines)


def deployed() -> dict[str, object]:
    """template.yaml, with its nested application in it."""
    return as_one(mapping(parsed((ROOT / "template.yaml").read_text("utf-8")), "template.yaml"), ROOT)


def written(results_file: Path = RESULTS) -> str:
    """The document from the results, template and text in the repository."""
    return document(json.loads(results_file.read_text("utf-8")), deployed(), _TEXT.read_text("utf-8"))


def main() -> int:
    try:
        DOCUMENT.write_text(written(), "utf-8")
    except LookupError as missing:
        sys.stderr.write(f"docs/costs.md is not changed: {missing}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
