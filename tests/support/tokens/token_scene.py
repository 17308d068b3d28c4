"""A portal with one pair of tokens, and processes that all need it: shared stores, shared clock, and faults."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from chat_lookup.bitrix24.oauth import Application
from chat_lookup.portals.portal import Portal, PortalState
from local.aws import environment
from local.template.reader import Template
from tests.support.portals.oauth_installation import Stores, added, known
from tests.support.portals.portal_probe import PortalProbe
from tests.support.processes.waiting import until
from tests.support.repository import ROOT
from tests.support.stores.tables import Tables
from tests.support.stores.unreliable_aws import Day, UnreliableAws
from tests.support.tokens.token_process import DIRECT, Outcome, Process, Setting, start

CROWD: Final = 16
FIRST_CHAT: Final = 5000
A_GOOD_DAY: Final = Day()
_AN_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """The local portal, and the clock that it shares with every process."""

    probe: PortalProbe
    keys: Application
    clock_file: Path


@dataclass
class Scene:
    """A portal with its application installed, its stores behind a faulty proxy, and processes."""

    probe: PortalProbe
    aws: UnreliableAws
    stores: Stores
    portal: Portal
    setting: Setting
    processes: list[Process] = field(default_factory=list)

    def begin(
        self, count: int = CROWD, *, day: Day = A_GOOD_DAY, death: str = "", seconds: float = DIRECT
    ) -> list[Process]:
        """Start `count` processes with `seconds` for each look-up; one of them is killed at `death`."""
        self.aws.day = day
        names = [f"process {len(self.processes) + number}" for number in range(count)]
        begun = start(replace(self.setting, death=death, seconds=seconds), names)
        self.processes += begun
        return begun

    def an_hour_passes(self) -> None:
        """Advance the clock by an hour, so that the portal's tokens expire."""
        self.probe.clock.advance(_AN_HOUR)

    def slow_server(self) -> None:
        """Delay a refresh long enough that all processes call during it."""
        self.probe.tell("/faults", {"method": "oauth/token", "delay_ms": 400})

    @property
    def refreshes(self) -> int:
        """The number of requests that the authorisation server received."""
        return len(self.probe.calls("oauth/token"))

    @property
    def state(self) -> PortalState:
        return self.stores.record(self.portal.member_id).state

    def still_connected(self, process: Process) -> bool:
        """Whether the stored pair is the valid one: it is renewed once more."""
        before = self.refreshes
        self.an_hour_passes()
        return process.look_up("DEAL|0") == Outcome(FIRST_CHAT) and self.refreshes == before + 1


@contextmanager
def running_place(folder: Path) -> Iterator[Place]:
    """A portal with a chat for each of a crowd, and our application installed."""
    with PortalProbe(folder) as probe:
        for number in range(CROWD):
            probe.tell("/chats", {"entity_type": "CRM", "entity_id": f"DEAL|{number}", "chat_id": FIRST_CHAT + number})
        yield Place(probe, added(probe.portal), folder / "clock")


@contextmanager
def running_scene(place: Place, tables: Tables, secrets_url: str, folder: Path) -> Iterator[Scene]:
    """Reset the portal and store a new pair of it in empty stores; its processes end with the scene."""
    probe = place.probe
    probe.tell("/reset", {})
    with UnreliableAws(tables.endpoint_url, secrets_url, probe.clock) as aws:
        stores = Stores(aws.dynamodb(), aws.secrets(), tables.portal, probe.clock)
        record = known(stores, place.keys, probe.tell("/grants", {}))
        filled = {
            "AWS_ENDPOINT_URL": aws.url,
            "CA_PEM": probe.portal.ca_pem,
            "LOCAL_HOSTS": ",".join(probe.portal.local_hosts),
            "PORTAL_TABLE": tables.portal,
            "CACHE_TABLE": tables.cache,
            **dict.fromkeys(("EVENT_QUEUE_URL", "DEAD_LETTER_QUEUE_URL"), ""),  # look-ups do not use them
        }
        # No public authority signed a certificate here, and reading them takes half of each start.
        variables = environment.variables(Template.load(ROOT / "template.yaml"), filled) | {"SSL_CERT_FILE": os.devnull}
        scene = Scene(probe, aws, stores, record, Setting(variables, place.clock_file, record.member_id, folder))
        try:
            yield scene
        finally:
            for process in scene.processes:
                process.stop()


def together(processes: Sequence[Process]) -> list[Outcome]:
    """The outcomes when all processes look up at once, each a pair of its own."""
    for number, process in enumerate(processes):
        process.ask(f"DEAL|{number}")
    return [process.outcome() for process in processes]


def all_found(count: int = CROWD) -> list[Outcome]:
    return [Outcome(FIRST_CHAT + number) for number in range(count)]


def all_but_one(processes: Sequence[Process]) -> list[Process]:
    """Have all look up at once until one is killed; return the others, whose outcomes are not received yet."""
    for number, process in enumerate(processes):
        process.ask(f"DEAL|{number}")
    until(lambda: any(process.killed for process in processes))
    left = [process for process in processes if not process.killed]
    assert len(left) == len(processes) - 1
    return left
