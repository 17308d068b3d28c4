"""Two portals, one installed by OAuth and one reached by webhook, and the results of a soak."""

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from chat_lookup.bitrix24.endpoints import Endpoint
from chat_lookup.dynamodb import Table, number
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal
from local.aws import environment
from local.aws.embedded import EmbeddedAws
from local.template.reader import Template
from tests.chaos.soak_network import Blow
from tests.chaos.soak_plan import Plan, Question, entity_id, faults_of_a_round, heal
from tests.chaos.soak_process import Process, Reply, Setting, begin
from tests.support.portals.oauth_installation import SCOPES, Stores, added, known
from tests.support.portals.portal_probe import PortalProbe
from tests.support.repository import ROOT
from tests.support.stores.tables import Tables, tables_in

PROCESSES: Final = 4
REGION: Final = "eu-central-1"
"""The region of the tests' embedded stores, which keep the secrets."""
RATE: Final = 1000.0
BURST: Final = 1000
"""The plan of both portals, as they enforce it and as the service stores it."""
BETWEEN_ROUNDS: Final = 3 * 3600.0
"""Seconds: temporary states and tokens have expired, and after nine rounds answers are stale."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its round, and its reply."""

    question: Question
    round: int
    reply: Reply


@dataclass
class Soak:
    """The results of a soak: every reply, the faults of the stores' calls, and the processes' logs."""

    plan: Plan
    asked: list[Asked] = field(default_factory=list)
    struck: Counter[tuple[str, Blow]] = field(default_factory=Counter)
    lines: list[Mapping[str, Any]] = field(default_factory=list)

    def outcomes(self) -> Iterator[tuple[Asked, int, Mapping[str, Any]]]:
        """Each requested deal with its outcome."""
        for asked in self.asked:
            outcomes, deals = asked.reply.outcomes(), asked.question.deals
            if len(outcomes) != len(deals):
                outcomes = [*outcomes] * len(deals)
            for deal, outcome in zip(deals, outcomes, strict=True):
                yield asked, deal, outcome

    def counted(self, metric: str, dimension: str) -> Counter[str]:
        """The sums of a metric over all processes, by one of its dimensions."""
        sums: Counter[str] = Counter()
        for line in self.lines:
            if metric in line and dimension in line:
                sums[line[dimension]] += int(sum(line[metric]))
        return sums


@dataclass
class Printed:
    """The output of a process, line by line."""

    log: Path
    _read: int = 0

    def more(self) -> Iterator[Mapping[str, Any]]:
        """The lines since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            yield from map(json.loads, file)
            self._read = file.tell()


@dataclass
class Scene:
    """The stored portals, each with an API key."""

    probes: Sequence[PortalProbe]
    stores: Stores
    portals: Sequence[Portal]
    keys: Sequence[str]
    setting: Setting
    folder: Path

    def soak(self, plan: Plan, seed: str) -> Soak:
        """Send all questions, round by round; between rounds time passes, users repair portals, chats are created."""
        soak = Soak(plan)
        logs = [self.folder / f"process {number}.jsonl" for number in range(PROCESSES)]
        processes = begin([replace(self.setting, log=log, seed=f"{seed} {log.stem}") for log in logs])
        printed = [Printed(log) for log in logs]
        try:
            for number, questions in enumerate(plan.rounds):
                self._prepare(plan, number, seed, soak.counted("PortalErrors", "code"))
                soak.asked += self._ask(processes, questions, number)
                soak.lines += [line for each in printed for line in each.more()]
            for process in processes:
                soak.struck += process.end()
        finally:
            for process in processes:
                process.stop()
        return soak

    def _ask(self, processes: Sequence[Process], questions: Sequence[Question], number: int) -> Iterator[Asked]:
        questions = [replace(question, key=self.keys[question.portal]) for question in questions]
        shares = [questions[start :: len(processes)] for start in range(len(processes))]
        for process, share in zip(processes, shares, strict=True):
            process.ask(share)
        for process, share in zip(processes, shares, strict=True):
            yield from (Asked(*each) for each in zip(share, [number] * len(share), process.replies(), strict=True))

    def _prepare(self, plan: Plan, number: int, seed: str, struck: Collection[str]) -> None:
        self.probes[0].clock.advance(BETWEEN_ROUNDS)
        for place, probe in enumerate(self.probes):
            heal(self.stores.portals, self.portals[place])
            probe.tell("/faults", [])
            for deal in range(plan.deals):
                if plan.made_in(deal) == number or (number == 0 and plan.made_in(deal) == -1):
                    pair = {"entity_type": "CRM", "entity_id": entity_id(deal)}
                    probe.tell("/chats", {**pair, "chat_id": plan.chat_of(place, deal, number)})
            probe.tell("/faults", faults_of_a_round(struck, f"{seed} {number} {place}"))


@contextmanager
def running_scene(dynamodb_url: str, aws: EmbeddedAws, folder: Path) -> Iterator[Scene]:
    """Both portals, stored in the service; secrets are in `aws`, tables in the real engine."""
    with PortalProbe(folder) as installed, PortalProbe(folder) as hooked, tables_in(dynamodb_url) as tables:
        probes = (installed, hooked)
        for probe in probes:
            probe.tell("/plan", {"rate": RATE, "burst": BURST})
        stores = Stores(tables.client(), aws.secrets(), tables.portal, installed.clock)
        oauth = known(stores, added(installed.portal), installed.tell("/grants", {}))
        stores.portals.states.change(oauth, rate=number(RATE), burst=number(BURST))
        portals = (oauth, _by_webhook(stores, hooked))
        keys = Keys(Table(stores.dynamodb, tables.portal), stores.portals, stores.clock)
        made = [keys.create(portal.member_id, "soak", ["lookup"], None)[0] for portal in portals]
        setting = Setting(_variables(tables, aws, probes), folder / "clock", tables.endpoint_url, folder / "log", "")
        yield Scene(probes, stores, portals, made, setting, folder)


def _variables(tables: Tables, aws: EmbeddedAws, probes: Sequence[PortalProbe]) -> Mapping[str, str]:
    """The environment of the processes."""
    filled = {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "CA_PEM": probes[0].portal.ca_pem,
        "LOCAL_HOSTS": ",".join(host for probe in probes for host in probe.portal.local_hosts),
        "PORTAL_TABLE": tables.portal,
        "CACHE_TABLE": tables.cache,
        **dict.fromkeys(("EVENT_QUEUE_URL", "DEAD_LETTER_QUEUE_URL"), ""),  # look-ups do not use them
    }
    return {
        **environment.variables(Template.load(ROOT / "template.yaml"), filled),
        **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), REGION),
        "SSL_CERT_FILE": os.devnull,  # no public authority signed a certificate here, and reading them takes long
    }


def _by_webhook(stores: Stores, probe: PortalProbe) -> Portal:
    url = probe.portal.webhook_url
    arn, version = stores.vault.create("portal", {"webhook_url": url})
    domain = Endpoint.from_webhook(url).host
    record = Portal(probe.portal.member_id, domain, arn, version, scopes=SCOPES, rate=RATE, burst=BURST)
    return stores.portals.save(record)
