"""A portal with a bot, the queue, and the functions in separate processes, on tables of the real engine."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from chat_lookup.observability.metrics import METRICS
from chat_lookup.portals.application_tokens import hashed
from local.aws import environment
from local.aws.embedded import EmbeddedAws
from local.template.reader import Template
from tests.chaos import events_process
from tests.chaos.events_bodies import ENTITY, Sender
from tests.chaos.events_network import FAIR, Weather
from tests.chaos.events_plan import Plan
from tests.chaos.events_process import Outcome, Process, Setting
from tests.chaos.events_workers import Chances, Workers
from tests.support.portals.oauth_installation import Stores, added, known
from tests.support.portals.portal_control import controlled
from tests.support.portals.portal_probe import PortalProbe
from tests.support.processes.forked import prepare
from tests.support.repository import ROOT
from tests.support.stores.tables import Tables, tables_in

REGION: Final = "eu-north-1"
"""A region of its own, apart from the queues and the bus of other tests: moto keeps them by region."""
APPLICATION_TOKEN: Final = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
_PACE: Final = {"rate": 1000, "burst": 100_000}


@dataclass
class Scene:
    """A portal, AWS and the settings of processes, whose logs are in the folder of `setting`."""

    probe: PortalProbe
    aws: EmbeddedAws
    tables: Tables
    sender: Sender
    setting: Setting
    generation: int
    _numbers: Iterator[int] = field(default_factory=count)

    def processes(self, kind: str, weather: Weather) -> Callable[[], Process]:
        """A function that starts a process and waits until it is ready; its log has the name of its kind."""

        def start() -> Process:
            process = Process(replace(self.setting, weather=weather), f"{kind} {next(self._numbers)}")
            process.wait_until_ready()
            return process

        return start

    def workers(self, chances: Chances, weather: Weather, random: Random) -> Workers:
        template, clock = self.setting.template, self.probe.clock
        return Workers(self.aws, template, clock, random, self.processes("worker", weather), chances)

    def add_chats(self, plan: Plan) -> None:
        """Add the chats that users ask for to the portal, and the portal's answers for contested deals to the cache."""
        for question in plan.questions.values():
            pair = {"entity_type": "CRM", "entity_id": question.deal}
            self.probe.tell("/chats", {**pair, "chat_id": question.chat_id})
        cache = Cache(Table(self.tables.client(), self.tables.cache), self.probe.clock, Random(0))  # noqa: S311 - a spread
        for deal, chat_id in plan.contested.items():
            ref, now = EntityRef(ENTITY, deal), self.probe.clock.now()
            cache.put(self.sender.member_id, self.generation, ref, chat_id, method="im.chat.get", asked_at=now)

    def redrive(self) -> Outcome:
        """Redrive all dead letters, as an operator does after the faults."""
        process = self.processes("admin", FAIR)()
        try:
            return process.invoke("AdminFunction", {"command": "events.redrive", "limit": 10_000})
        finally:
            process.stop()

    # --- results -------------------------------------------------------------------------------------------------

    def cached(self) -> Mapping[str, int]:
        """The cached deals, each with its chat; 0 for a negative row."""
        # A process that was killed while it asked leaves a lease without a row.
        rows = (item for item in self._items("CHAT#") if "asked_at" in item)
        return {row["entity_id"]["S"]: int(row.get("chat_id", {"N": "0"})["N"]) for row in rows}

    def claims(self) -> Mapping[int, str]:
        """The messages whose answers were claimed, each with the state of its claim."""
        found = {item["pk"]["S"].rpartition("#")[2]: item["state"]["S"] for item in self._items("ANSWER#")}
        return {int(message): state for message, state in found.items()}

    def answers(self) -> list[dict[str, Any]]:
        """The bot's messages."""
        messages: list[dict[str, Any]] = controlled(self.probe.portal, "GET", "/messages")
        return messages

    def counted(self, metric: str) -> float:
        """The sum of a metric over the output of all processes, killed ones included.

        Each value is in one blob for each dimension of the metric; here that of its first counts.
        """
        first, *others = (each.dimension or "" for each in METRICS[metric])
        return sum(
            sum(blob[metric])
            for blob in self._printed()
            if metric in blob and (first in blob if first else blob.keys().isdisjoint(others))
        )

    def lines(self, message: str) -> int:
        """The number of log lines with this message."""
        return Counter(line.get("message") for line in self._printed())[message]

    def _items(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        for page in self.tables.client().get_paginator("scan").paginate(TableName=self.tables.cache):
            yield from (item for item in page["Items"] if item["pk"]["S"].startswith(prefix))

    def _printed(self) -> Iterator[dict[str, Any]]:
        for log in sorted(self.setting.folder.glob("*.jsonl")):
            yield from map(json.loads, log.read_text("utf-8").splitlines())


@contextmanager
def running_scene(dynamodb_url: str, folder: Path) -> Iterator[Scene]:
    """A portal with an installed application and its bot, before any event."""
    prepare(events_process.__name__)
    template = Template.load(ROOT / "template.yaml")
    aws = EmbeddedAws(template, region=REGION)
    with PortalProbe(folder) as probe, tables_in(dynamodb_url) as tables:
        aws.start()
        try:
            yield _installed(probe, aws, tables, template, folder)
        finally:
            aws.stop()


def _installed(probe: PortalProbe, aws: EmbeddedAws, tables: Tables, template: Template, folder: Path) -> Scene:
    probe.tell("/plan", _PACE)
    stores = Stores(tables.client(), aws.secrets(), tables.portal, probe.clock)
    keys = added(probe.portal)
    grant = probe.tell("/grants", {})
    bot_id = _bot(probe, grant["access_token"])
    record = known(stores, keys, grant)
    tokens = frozenset({hashed(APPLICATION_TOKEN)})
    record = stores.portals.save(
        record._replace(bot_id=bot_id, bot_api="v2", application_tokens=tokens, rate=1000.0, burst=100_000)
    )
    filled = {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "CA_PEM": probe.portal.ca_pem,
        "LOCAL_HOSTS": ",".join(probe.portal.local_hosts),
        "PORTAL_TABLE": tables.portal,
        "CACHE_TABLE": tables.cache,
        **{variable: aws.queue_url(queue) for variable, queue in template.queue_variables().items()},
    }
    variables = {
        **environment.variables(template, filled),
        **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), REGION),
        "SSL_CERT_FILE": os.devnull,  # no public authority signed a certificate here, and reading them takes long
    }
    sender = Sender(record.member_id, record.domain, bot_id, APPLICATION_TOKEN)
    logs = folder / "logs"
    logs.mkdir()
    setting = Setting(template, variables, folder / "clock", tables.endpoint_url, logs, FAIR)
    return Scene(probe, aws, tables, sender, setting, record.generation)


def _bot(probe: PortalProbe, access_token: str) -> int:
    """Register the application's bot; return its id."""
    fields = {"code": "chat_lookup", "properties": {"name": "Lookup"}, "eventMode": "fetch"}
    url = f"{probe.portal.portal_url}/rest/imbot.v2.Bot.register"
    answer = probe.http.request("POST", url, json={"auth": access_token, "fields": fields}).json()
    bot_id: int = answer["result"]["bot"]["id"]
    return bot_id
