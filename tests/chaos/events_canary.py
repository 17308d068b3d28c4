"""Bot events with a token in every possible place, with and without faults, and with all logs at DEBUG.

test_events_no_token.py runs it in a separate process and searches all that the functions print, send to AWS and store.
The tokens themselves, and what was sent and stored, are written to files.

    python -m tests.chaos.events_canary STATE_DIR FOLDER
"""

import base64
import hashlib
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from unittest import mock
from urllib.parse import parse_qsl

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from local.aws.lambda_runtime import Functions
from local.demo_credentials import DEMO_GRANT
from local.portal.protocol import php
from local.stack import Settings, running
from tests.chaos.canary_run import replaced
from tests.chaos.events_bodies import FORM
from tests.chaos.events_network import header, text
from tests.support.processes.waiting import until
from tests.support.repository import SAMPLES
from tests.support.service import Service

_TOKENS: Final = frozenset({"accesstoken", "refreshtoken", "applicationtoken", "authid", "refreshid"})
_TEXTS: Final = ("[MESSAGE]", "[MESSAGE_ORIGINAL]", "[text]", "[params]", "[COMMAND_PARAMS]", "[name]", "[NAME]")
"""Ends of the names of fields with users' texts."""
_ELSEWHERE: Final = ("data[AUTH_ID]", "data[REFRESH_ID]", "data[more][deep][ACCESS_TOKEN]", "data[auth][refreshToken]")
"""Fields that hold no token in the documents."""


@dataclass
class Tap:
    """Records what passes between portals, functions and AWS; `tokens` are those received or stored."""

    tokens: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    """The requests of the functions to AWS, except to Secrets Manager, which stores tokens."""

    def record_event(self, function: str, event: object) -> None:
        """Record the tokens in the event of an invocation, if it is a portal's event."""
        if function == "EventsFunction" and isinstance(event, Mapping):
            body = base64.b64decode(event["body"]).decode() if event["isBase64Encoded"] else str(event["body"])
            self.tokens |= {value for name, value in _fields_of(body) if _is_token(name)}

    def record_request(self, request: AWSPreparedRequest) -> None:
        """Record a function's request to AWS."""
        target = header(request, "X-Amz-Target")
        if not target.startswith("secretsmanager"):
            self.sent.append(f"{target} {request.url} {text(request)}")
        elif stored := json.loads(text(request)).get("SecretString"):
            self.tokens |= {str(value) for name, value in json.loads(stored).items() if _is_token(name)}


@dataclass(frozen=True)
class Day:
    """What the steps of the run use."""

    service: Service

    @property
    def no_queue(self) -> str:
        return self.service.stack.backend.aws.queue_url("NoSuchQueue")

    def wait_for(self, events: int) -> None:
        """Wait until the worker has processed this many events since the last mark, with or without success."""
        until(lambda: sum(line.get("message") == "event" for line in self.service.logs()) >= events)

    def post(self, body: str, content_type: str = FORM) -> int:
        headers = {"Content-Type": content_type}
        return self.service.request("POST", "/bitrix24/events", headers, body.encode()).status

    def every_sample(self) -> Iterator[int]:
        """Send each sample once, with its own token in each place, and the sender's token in users' texts."""
        for path in sorted(SAMPLES.glob("*.json")):
            yield self.post(self.planted(path))

    def planted(self, path: Path, **changes: str) -> str:
        """A sample as the installed portal sends it, with planted tokens."""
        fields = dict(php.flat(json.loads(path.read_text("utf-8"))))
        fields |= {name: canary(f"{path.stem} {name}") for name in (*fields, *_ELSEWHERE) if _is_token(name)}
        word = canary(f"{path.stem} {_ELSEWHERE[0]}")
        fields |= {name: f"{value} {word}" for name, value in fields.items() if name.endswith(_TEXTS)}
        portal = self.service.stack.target.local
        assert portal is not None
        ours = {
            "auth[member_id]": portal.member_id,
            "auth[domain]": portal.domain,
            "auth[application_token]": DEMO_GRANT.application_token,
        }
        return php.encode({**fields, **ours, **changes}.items())


def samples(day: Day) -> Iterator[int]:
    """The samples as forms, as JSON, and under an unknown event name."""
    yield from day.every_sample()
    for path in sorted(SAMPLES.glob("*.json")):
        tree = php.decode_query(day.planted(path, **{"data[message][id]": "4711", "ts": "1771999999"}))
        yield day.post(json.dumps(tree), "application/json")
        yield day.post(day.planted(path, event="ONIMBOTV2UNHEARDOF"))


def forgeries(day: Day) -> Iterator[int]:
    """Events without proof, with the forger's own tokens; and bodies that cannot be read."""
    for path in sorted(SAMPLES.glob("*.json")):
        for name in ("auth[application_token]", "auth[member_id]"):
            yield day.post(day.planted(path, **{name: canary(f"forged {path.stem} {name}")[:32]}))
        yield day.post(day.planted(path) + f"&event[{canary(path.stem)}]=1&event=")
        yield day.post(day.planted(path).replace("event=", "ev="))


def live(day: Day) -> Iterator[int]:
    """Events that the local portal itself sends while users use the bot."""
    for reply in (
        day.service.say("deal 1663"),
        day.service.say("/chatid DEAL|1663"),
        day.service.say("hello"),
        day.service.control("/join", {"chat_id": 1437}),
        day.service.say("@Chat Lookup, deal 1663", chat_id=1437),
        day.service.say("/chatid", chat_id=1437),
    ):
        yield from (each["status"] for each in reply["sent"])


def queue_that_refuses(day: Day) -> Iterator[int]:
    """The queue fails; the worker is invoked directly."""
    with replaced(day.service, {"EVENT_QUEUE_URL": day.no_queue}):
        yield from day.every_sample()


def all_refuses(day: Day) -> Iterator[int]:
    """The queue and the worker fail; events are lost."""
    with replaced(day.service, {"EVENT_QUEUE_URL": day.no_queue, "WORKER_FUNCTION": "NoSuchFunction"}):
        yield from day.every_sample()


def worker_that_fails(day: Day) -> Iterator[int]:
    """The worker cannot publish or cache and logs the reason, with tracebacks."""
    for broken in ({"EVENT_BUS": "no-such-bus"}, {"CACHE_TABLE": "NoSuchTable"}):
        with replaced(day.service, broken):
            day.service.mark()
            statuses = list(day.every_sample())
            day.wait_for(len(statuses))
        yield from statuses


def store_that_fails(day: Day) -> Iterator[int]:
    """The store fails, so no event can be proved."""
    with replaced(day.service, {"PORTAL_TABLE": "NoSuchTable"}):
        yield from day.every_sample()


STEPS: Final[tuple[Callable[[Day], Iterable[int]], ...]] = (
    samples,
    forgeries,
    live,
    queue_that_refuses,
    all_refuses,
    store_that_fails,
    worker_that_fails,
)


def canary(place: str) -> str:
    """The token of one place, different in each place."""
    return hashlib.sha256(place.encode()).hexdigest()[:48]


def main(state_dir: Path, folder: Path) -> None:
    # The most detailed output: every library logs at DEBUG.
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    loud = {"LOG_LEVEL": "DEBUG", "PUBLISH_TEXT": "true"}
    with tapped() as tap, running(Settings(state_dir, environment=loud)) as stack:
        day = Day(Service(stack))
        day.service.control("/plan", {"rate": 1000, "burst": 10_000})
        outcomes = {step.__name__: sorted(set(step(day))) for step in STEPS}
        aws = stack.backend.aws
        tables = [aws.dynamodb().scan(TableName=name)["Items"] for name in ("PortalTable", "CacheTable")]
        (folder / "stored").write_text(json.dumps(tables), "utf-8")
        (folder / "published").write_text(json.dumps([asdict(each) for each in aws.published()]), "utf-8")
    (folder / "outcomes.json").write_text(json.dumps(outcomes), "utf-8")
    (folder / "sent").write_text("\n".join(tap.sent), "utf-8")
    (folder / "tokens.json").write_text(json.dumps(sorted(tap.tokens - {""})), "utf-8")


@contextmanager
def tapped() -> Iterator[Tap]:
    """Inside, all events and requests of the functions are recorded."""
    tap, invoke, send = Tap(), Functions.invoke, URLLib3Session.send

    def invoked(functions: Functions, logical_id: str, event: object) -> object:
        tap.record_event(logical_id, event)
        return invoke(functions, logical_id, event)

    def carried(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        tap.record_request(request)
        return send(session, request)

    with mock.patch.object(Functions, "invoke", invoked), mock.patch.object(URLLib3Session, "send", carried):
        yield tap


def _fields_of(body: str) -> Iterable[tuple[str, str]]:
    return php.flat(json.loads(body)) if body.startswith("{") else parse_qsl(body, keep_blank_values=True)


def _is_token(name: str) -> bool:
    """Whether a field has the name of a token, in any spelling."""
    return name.rstrip("]").rpartition("[")[2].lower().replace("_", "") in _TOKENS


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
