"""A portal that the service does not know yet, and the service that it contacts: the scene of first contacts.

The service runs with its own portal installed and accepts the addresses of both. Other hosts named in a message belong
to no portal.
"""

import contextlib
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from moto.secretsmanager.models import secretsmanager_backends

from chat_lookup.install.page_texts import page_text
from chat_lookup.languages import Language
from local.net.certificates import LOCAL_NAMES, Authority
from local.portal import LocalPortal
from local.portal.events.http_delivery import Answer
from local.portal.events.installer import Kind, Manner
from local.portal.events.outgoing import Fields, Message
from local.portal.oauth.applications import Application
from local.template.reader import ACCOUNT, REGION
from tests.support.hostile_server import HOSTILE_NAMES, Listener, listening, watching
from tests.support.portals.portal_control import controlled
from tests.support.portals.switches import AS_USUAL
from tests.support.service import Reply, Service

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from local.stack import LocalStack

INSTALL: Final = "/bitrix24/install"
APP: Final = "/bitrix24/app"
ADMINISTRATOR, EMPLOYEE = 1, 2
CHOSEN_TOKEN: Final = "c" * 32
"""An application token of the forger's choice."""
FORM: Final = "application/x-www-form-urlencoded"

_COUNTERS: Final = ("LIMIT#", "CIRCUIT#", "OPERATING#")
"""Items that count requests and failures: the only items that a refusal may write."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The content of all stores, without the limiter's counters."""

    items: Sequence[str]
    secrets: Sequence[str]


@dataclass(slots=True)
class Stage:
    """`portal` is the unknown portal, `card` its market application, `listener` the forger's server."""

    service: Service
    portal: LocalPortal
    card: Application
    listener: Listener
    dynamodb: "DynamoDBClient"
    secrets: "SecretsManagerClient"

    # --- what the portal sends -----------------------------------------------------------------------------------

    def contact(
        self, kind: Kind = "interface", *, user_id: int = ADMINISTRATOR, path: str = "", fields: Fields | None = None
    ) -> Answer:
        """Make a first contact as the portal does, with `fields` changed; return the service's answer."""
        manner = Manner(path, fields or {})
        return self.portal.installer.install(self.card.client_id, kind=kind, user_id=user_id, manner=manner).answer

    def install(self) -> None:
        """Install the application, by its event: from a frame it is installed twice, in the frame and by the event."""
        answer = self.contact("event")
        assert answer.status == 200, answer

    def message(
        self, kind: Kind = "interface", *, user_id: int = ADMINISTRATOR, path: str = "", fields: Fields | None = None
    ) -> Message:
        """The message of such a contact, not sent."""
        manner = Manner(path, fields or {}, send=False)
        outcome = self.portal.installer.install(self.card.client_id, kind=kind, user_id=user_id, manner=manner)
        return outcome.sent[0].message

    def event(self, name: str, *, user_id: int = ADMINISTRATOR, fields: Fields | None = None) -> Answer:
        """Send an event of the application's life cycle, with the user's tokens, to the address bound to it."""
        return self.contact("event", user_id=user_id, path=INSTALL, fields={**(fields or {}), "event": name})

    def send(self, message: Message) -> Answer:
        """Send a prepared message unchanged."""
        _, _, rest = message.url.partition("://")
        path = "/" + rest.partition("/")[2]
        return self.request(message.verb, path, message.body.encode() or None, message.content_type)

    def request(self, verb: str, path: str, body: bytes | None = None, content_type: str = FORM) -> Answer:
        headers = {"Content-Type": content_type} if body is not None and content_type else {}
        reply = self.service.request(verb, path, headers, body)
        if path.startswith(APP) and reply.status == HTTPStatus.TEMPORARY_REDIRECT:
            # As a browser does: what needs a new grant is sent on to the installation.
            reply = self.service.request(verb, reply.headers["Location"], headers, body)
        return Answer(reply.status, reply.headers.get("Content-Type", ""), reply.body.decode())

    def link(self, portal: str = "") -> str:
        """The `state` of an installation link from the service, to this portal or another one."""
        reply = self.service.request("GET", f"{INSTALL}?portal={portal or self.portal.domain}", {})
        assert reply.status == 302, reply.body
        return reply.headers["Location"].rpartition("state=")[2]

    # --- requests to the service for this portal --------------------------------------------------------------------

    def key(self) -> str:
        """An API key of the portal."""
        key: str = self.service.admin("keys.create", portal=self.portal.member_id, label="test")["key"]
        return key

    def installed_with_an_expired_token(self) -> str:
        """Install the application by OAuth and let its token expire; returns a key of the portal."""
        self.install()
        key = self.key()
        self.tell("/reset", {})
        self.tell("/expire_tokens", {})
        self.service.mark()
        return key

    def look_up(self, key: str, **options: str) -> Reply:
        """Look up chat 1437 of a deal, unless `options` change the query."""
        query = urlencode({"entity_type": "CRM", "entity_id": "DEAL|1663", **options})
        return self.service.get(f"/v1/chats?{query}", {"X-Api-Key": key})

    # --- state of the portal and the stores ----------------------------------------------------------------------

    def tell(self, path: str, body: object) -> Any:
        return controlled(self.portal, "POST", path, body)

    def ask(self, path: str) -> Any:
        return controlled(self.portal, "GET", path)

    def grant(self, user_id: int = ADMINISTRATOR, client_id: str = "") -> dict[str, Any]:
        """The tokens of a user, as the user's browser has them."""
        if not client_id:
            self.message()  # without an installation there is no application to issue tokens to
        asked = {"client_id": client_id or self.card.client_id, "user_id": user_id}
        granted: dict[str, Any] = self.tell("/grants", asked)
        return granted

    def another_card(self) -> str:
        """Install another application in the portal; return its client id."""
        card = self.portal.applications.add(service_url=self.service.stack.addresses.api_https_url)
        self.portal.installer.install(card.client_id, manner=Manner(send=False))
        return card.client_id

    def answers(self, method: str, **fault: object) -> None:
        """Make a method of the portal, or of its authorisation server (`oauth/token`), answer with this fault."""
        self.tell("/faults", {"method": method, **fault})

    def calls(self) -> list[str]:
        """The methods called at the portal and its authorisation server, in order."""
        return [call["method"] for call in self.ask("/calls")]

    def kept(self) -> Kept:
        items = [
            json.dumps(item, sort_keys=True)
            for table in ("PortalTable", "CacheTable")
            for item in self.service.items(table)
            if not item["pk"]["S"].startswith(_COUNTERS)
        ]
        secrets = [
            json.dumps([secret.arn, {name: each["version_stages"] for name, each in secret.versions.items()}])
            for secret in secretsmanager_backends[ACCOUNT][REGION].secrets.values()
        ]
        return Kept(sorted(items), sorted(secrets))

    def registered(self) -> object:
        """The bots and event bindings of both portals."""
        return [
            (look("/bots"), {each["client_id"]: each["bindings"] for each in look("/installs") if each["bindings"]})
            for look in (self.ask, self.service.control)
        ]

    def record(self) -> Mapping[str, Any] | None:
        """The stored item of the portal's record."""
        key = {"pk": {"S": f"PORTAL#{self.portal.member_id}"}, "sk": {"S": "RECORD"}}
        return self.dynamodb.get_item(TableName="PortalTable", Key=key, ConsistentRead=True).get("Item")

    @property
    def secret(self) -> str:
        """The ARN of the secret that the portal's record names."""
        record = self.record()
        assert record is not None
        arn: str = record["secret_arn"]["S"]
        return arn

    @property
    def state(self) -> str:
        record = self.record()
        assert record is not None
        state: str = record["state"]["S"]
        return state

    def set_state(self, state: str) -> None:
        """Set the state in the portal's record, as a renewal of its tokens would, and clear the process's caches."""
        self.dynamodb.update_item(
            TableName="PortalTable",
            Key={"pk": {"S": f"PORTAL#{self.portal.member_id}"}, "sk": {"S": "RECORD"}},
            UpdateExpression="SET #state = :state",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state}},
        )
        self.service.cold_start()

    @property
    def own_ports(self) -> tuple[int, ...]:
        """Ports of this machine that the service may connect to: stores, API, portals, and their control."""
        stack, theirs = self.service.stack, self.service.stack.target.local
        assert theirs is not None
        urls = (
            stack.addresses.api_url,
            stack.addresses.api_https_url,
            stack.backend.aws.endpoint_url,
            theirs.portal_url,
            theirs.control_url,
            self.portal.portal_url,
            self.portal.control_url,
        )
        return tuple(int(url.rpartition(":")[2]) for url in urls)

    def reset(self) -> None:
        """Reset the service, remove the portal's faults, and uninstall its applications."""
        self.portal.settle()
        self.tell("/reset", {})
        self.tell("/shape", AS_USUAL)
        if record := self.record():
            self.secrets.delete_secret(SecretId=record["secret_arn"]["S"], ForceDeleteWithoutRecovery=True)
        self.service.reset()
        self._reactivate()
        for installation in self.ask("/installs"):
            self.tell("/uninstall", {"client_id": installation["client_id"], "send": False})
        self.listener.requests.clear()

    def begin_again(self) -> None:
        """Reset all but the installation, for tests that leave it as it is: an installation takes half a second. Its
        bot is of the version that the portal has, which stays as well."""
        self.portal.settle()
        self.tell("/reset", {})
        self.tell("/shape", {**AS_USUAL, "bot_api": self.ask("/shape")["bot_api"]})
        self.service.begin_again()
        self._reactivate()
        self.listener.requests.clear()

    @contextlib.contextmanager
    def untouched(self, calls: Sequence[str] = (), resolved: str = "") -> Iterator[None]:
        """Inside, nothing is stored, registered or connected to; the portal receives exactly these calls.

        `resolved` is a host that the authorisation server named; it may be resolved but not connected to.
        """
        before, registered, known = self.kept(), self.registered(), len(self.calls())
        with watching() as reached:
            yield
        assert self.calls()[known:] == list(calls)
        assert self.kept() == before
        assert self.registered() == registered
        assert self.listener.requests == []
        assert reached.beyond(self.own_ports) - {f"{resolved}:443"} == set()
        assert f"{resolved}:443" not in reached.addresses

    def _reactivate(self) -> None:
        for user_id in (ADMINISTRATOR, EMPLOYEE):
            self.tell("/deactivate", {"user_id": user_id, "active": True})


def shown(answer: Answer) -> str:
    """The text that a user reads: that of a page, or the detail of a problem document."""
    if answer.content_type.startswith("application/problem+json"):
        return str(json.loads(answer.body)["detail"])
    return html.unescape(answer.body)


def assert_refused(answer: Answer, reason: str) -> None:
    """Assert a 403 with the text for `reason`, which does not finish an installation."""
    assert answer.status == 403, answer
    assert page_text(reason, Language.ENGLISH) in shown(answer)
    assert "installFinish" not in answer.body


@contextlib.contextmanager
def staged(stack: "LocalStack") -> Iterator[Stage]:
    """A stage inside the `with`: an unknown portal beside the stack's portal, and the forger's listener."""
    authority = Authority(stack.settings.state_dir / "authority")
    with (
        LocalPortal(stack.settings.state_dir, stack.clock) as portal,
        listening(authority.server_context((*LOCAL_NAMES, *HOSTILE_NAMES))) as listener,
        pytest.MonkeyPatch.context() as environment,
    ):
        admitted = stack.backend.variables["LOCAL_HOSTS"].split(",")
        environment.setenv("LOCAL_HOSTS", ",".join([*admitted, *sorted(portal.local_hosts)]))
        Service(stack).cold_start()
        card = portal.applications.add(service_url=stack.addresses.api_https_url, kind="market")
        service, ours = Service(stack), stack.target.local
        assert ours is not None
        # A market application has the same keys in every portal.
        ours.applications.put(card)
        service.admin("apps.add", kind="market", client_id=card.client_id, client_secret=card.client_secret)
        # From here on, a reset of the service keeps the market application, too.
        aws = stack.backend.aws
        yield Stage(Service(stack), portal, card, listener, aws.dynamodb(), aws.secrets())
        service.reset()
        ours.applications.remove(card.client_id)
    Service(stack).cold_start()
