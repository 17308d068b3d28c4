"""The billed use of a look-up and an event: as counted by `counts`, the rest as assumed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.cost import kinds
from benchmarks.cost.prices import PRICES

MONTH: Final = 730 * 3600
"""Seconds."""

Amounts = Mapping[str, float]
"""Amounts by the name of their price."""


@dataclass(frozen=True, slots=True)
class Assumption:
    value: float
    what: str


ASSUMED: Final[Mapping[str, Assumption]] = {
    "round trip": Assumption(5, "milliseconds for a function to ask DynamoDB, SQS, EventBridge or Secrets Manager"),
    "portal": Assumption(300, "milliseconds for a portal to answer"),
    "per second": Assumption(
        10, "look-ups or events a second while they come: X-Ray keeps one a second and 5 % beyond"
    ),
    "own lines": Assumption(700, "bytes that Lambda's own lines of start and report take of the logs, by invocation"),
    "access line": Assumption(450, "bytes of the gateway's access log, by request"),
    "look-ups": Assumption(10_000, "look-ups of a portal in a month, nine in ten of them hits"),
    "events": Assumption(10_000, "events of a portal in a month, one in ten of a chat that is not known"),
    "renewals": Assumption(730, "renewals of a portal's tokens in a month: one in each hour, which is the most"),
    "applications": Assumption(1, "applications, each of which has a secret"),
    "pollers": Assumption(5, "long polls of 20 seconds that Lambda has open on the queue of events"),
    "init": Assumption(1_200, "milliseconds in which a new process starts on Lambda, which bills them as its time"),
    "starts": Assumption(100_000, "new processes in a million look-ups, where traffic is light or comes in bursts"),
    "routes": Assumption(3, "routes in use at any time, of each of which the gateway counts six metrics"),
}

_CPU: Final = 1769 / 512
"""With 1,769 MB Lambda provides one processor, and a share of it with less (Lambda's guide, function memory)."""
GB: Final = 512 / 1024
_SAMPLED: Final = 0.05
_REQUESTS_OF_AN_EVENT: Final = 3
"""Sent, received, deleted: each in its own request, as at low load."""
_UNITS_OF_A_PROOF: Final = 1
"""A consistent read of a portal's record."""


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of a run of the benchmarks, by name: medians. `often`: requests a second under load."""

    figures: Mapping[str, float]
    often: float = ASSUMED["per second"].value

    @classmethod
    def of(cls, results: Mapping[str, Any]) -> "Found":
        """Raises LookupError where the counts were left out."""
        figures = {figure["name"]: float(figure["ours"]["median"]) for figure in results["figures"]}
        if f"CPU, {kinds.HIT}" not in figures:
            raise LookupError("these results have no counts; make bench takes them with a DynamoDB Local")
        return cls(figures)

    def __call__(self, what: str, kind: str) -> float:
        """0 where nothing was counted of a kind."""
        return self.figures.get(f"{what}, {kind}", 0.0)

    def milliseconds(self, kind: str) -> float:
        """How long a function is billed for, if it makes its requests one after the other."""
        waits = self("requests", kind) * assumed("round trip")
        waits += self("requests to the portal", kind) * assumed("portal")
        return self("CPU", kind) * _CPU + waits

    def invocation(self, kind: str) -> Amounts:
        """One invocation of a function, with its requests."""
        return {
            "invocations": 1,
            "compute": self.milliseconds(kind) / 1e3 * GB,
            "read": self("read units", kind),
            "write": self("write units", kind),
            "logs": self("logged", kind) + assumed("own lines"),
            "traces": (1 + (self.often - 1) * _SAMPLED) / self.often,
        }

    def request(self, kind: str) -> Amounts:
        """The same, with the API's request."""
        return _sum([(1, self.invocation(kind)), (1, {"api": 1, "logs": assumed("access line")})])

    def look_up(self, hits: float, hit: str = kinds.HIT, miss: str = kinds.MISS) -> Amounts:
        """An average look-up."""
        return _sum([(hits, self.request(hit)), (1 - hits, self.request(miss))])

    def event(self, worked: str) -> Amounts:
        queued = {"queue": _REQUESTS_OF_AN_EVENT, "bus": 1}
        return _sum([(1, self.request(kinds.RECEIVED)), (1, self.invocation(worked)), (1, queued)])

    def hop(self) -> Amounts:
        """One more try of an event that waits: sent again, received, deleted, and an invocation in which it fails."""
        return _sum([(1, self.invocation(kinds.WORKED_KNOWN)), (1, {"queue": _REQUESTS_OF_AN_EVENT})])

    def forged_event(self) -> Amounts:
        """One that names a portal: its record is read anew each time, and nothing is queued."""
        return _sum([(1, self.request(kinds.RECEIVED)), (1, {"read": _UNITS_OF_A_PROOF})])

    def starts(self, starts: float) -> Amounts:
        """The time of so many new processes until they are ready."""
        return {"compute": starts * assumed("init") / 1e3 * GB}

    def renewal(self) -> Amounts:
        """The additional use of a look-up that renews the tokens."""
        more = _sum([(1, self.invocation(kinds.MISS_EXPIRED)), (-1, self.invocation(kinds.MISS))])
        return {**more, "secret requests": self("requests to Secrets Manager", kinds.MISS_EXPIRED)}

    def month_of_a_portal(self) -> Amounts:
        """With so few look-ups that the processes have nothing of the portal in memory from one to the next."""
        return _sum(
            [
                (1, {"secrets": 1}),
                (assumed("look-ups"), self.look_up(0.9, kinds.HIT_FIRST, kinds.MISS_FIRST)),
                (assumed("events") * 0.9, self.event(kinds.WORKED_KNOWN)),
                (assumed("events") * 0.1, self.event(kinds.WORKED_ASKING)),
                (assumed("renewals"), self.renewal()),
            ]
        )


def assumed(name: str) -> float:
    return ASSUMED[name].value


def _sum(parts: Iterable[tuple[float, Amounts]]) -> Amounts:
    total: dict[str, float] = {}
    for times, amounts in parts:
        for name, amount in amounts.items():
            total[name] = total.get(name, 0.0) + times * amount
    return total


def dollars(amounts: Amounts) -> float:
    return sum(PRICES[name].of(amount) for name, amount in amounts.items())
