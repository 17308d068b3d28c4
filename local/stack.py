"""The whole service on this machine: portal, stores, functions and the API in front of them (design 3.6)."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from chat_lookup.bitrix24.endpoints import Endpoint
from local.aws import environment, lambda_runtime
from local.aws.embedded import EmbeddedAws, queue_url
from local.aws.function_output import FunctionOutput
from local.aws.http_api import HttpApi
from local.aws.lambda_api import PAUSES_S, Invocations
from local.aws.lambda_runtime import Functions
from local.aws.queue_poller import EventSources
from local.demo_credentials import DEMO_GRANT, DEMO_KEY
from local.net.admission import LOOPBACK, Admission, Run
from local.net.certificates import FROM_CONTAINERS, LOCAL_NAMES, Authority
from local.net.host_names import is_private, resolving
from local.net.http_server import HttpServer
from local.playground.site import Site
from local.portal import LocalPortal
from local.program import StartError, listening
from local.shared_clock import SharedClock
from local.template.reader import Template

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

ROOT: Final = Path(__file__).resolve().parents[1]
APPLICATION_SCOPES: Final = ("crm", "im", "imbot", "imopenlines", "task")
KEY_SCOPES: Final = ("details", "lookup", "rest")
_LOOPBACK: Final = "127.0.0.1"
_HTTPS_PORT: Final = 443
_ALL_INTERFACES: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with only


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a stack. Port 0 is a free one; everything but the portal's control and pages listens on `bind`.

    `portal_host` is this machine's name for callers of the local portal. With a `webhook_url` that portal is used and
    none is started, and `ca_pem` is one more authority to trust. `dynamodb_url` is another engine for the tables;
    `dynamodb` is one in this process. `environment` replaces values of variables that the functions declare. With
    `by_webhook` the local portal is reached by its inbound webhook; otherwise the application is installed in it as in
    any portal. `retry_pauses_s` are the pauses before the retries of a failed asynchronous invocation.
    """

    state_dir: Path
    bind: str = _LOOPBACK
    portal_host: str = _LOOPBACK
    api_port: int = 0
    api_https_port: int = 0
    portal_port: int = 0
    portal_page_port: int = 0
    webhook_url: str | None = field(default=None, repr=False)
    ca_pem: str = ""
    dynamodb_url: str | None = None
    dynamodb: "WSGIApplication | None" = field(default=None, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    by_webhook: bool = False
    retry_pauses_s: tuple[float, ...] = PAUSES_S


@dataclass(frozen=True, slots=True)
class Target:
    """The portal of the look-ups. `local` is None where it is not the local portal."""

    local: LocalPortal | None
    endpoint: Endpoint
    ca_pem: str

    @property
    def url(self) -> str:
        """Its address, without the webhook's secret."""
        return f"https://{self.endpoint.host}"


@dataclass(frozen=True, slots=True)
class Backend:
    """The stores, and the functions that use them."""

    aws: EmbeddedAws
    functions: Functions
    variables: Mapping[str, str]
    """The functions' environment, without Lambda's own variables."""
    log_file: Path


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of the API, and the certificate for its HTTPS address."""

    api_url: str
    api_https_url: str
    ca_file: Path
    site: Site = field(repr=False)
    """What is served at `api_url`."""


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A running stack with the portal installed; `api_key` is a key of the API."""

    settings: Settings
    clock: SharedClock
    target: Target
    backend: Backend
    addresses: Addresses
    member_id: str
    api_key: str = field(repr=False)

    def container_variables(self) -> dict[str, str]:
        """The functions' variables, with values that are valid inside a container on this machine."""
        aws_url = self.backend.aws.url(self.settings.portal_host)
        return {**self.backend.variables, **_reached_at(aws_url, self.backend.functions.template)}


@contextmanager
def running(settings: Settings) -> Iterator[LocalStack]:
    """Starts a stack, installs the portal, and stops everything at the end.

    A process can run one stack at a time: moto's stores, the environment and the logger belong to the process.
    Raises StartError, TemplateError, and the admin function's error for the webhook (ChatLookupError).
    """
    with ExitStack() as closing:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        clock = SharedClock(settings.state_dir / "clock")
        clock.reset()
        run = _run(settings)
        target = _target(settings, clock, run, closing)
        backend = _backend(settings, clock, target, run, closing)
        addresses = _addresses(settings, clock, backend, run, closing)
        member_id, api_key = _install(settings, target, backend.functions, addresses)
        yield LocalStack(settings, clock, target, backend, addresses, member_id, api_key)


def _run(settings: Settings) -> Run:
    """The names of this machine; with BIND also the one by which containers reach it."""
    from_containers = () if settings.bind in LOOPBACK else (FROM_CONTAINERS,)
    return Run.named(settings.bind, settings.portal_host, *from_containers)


def _target(settings: Settings, clock: SharedClock, run: Run, closing: ExitStack) -> Target:
    if settings.webhook_url:
        try:
            return Target(None, Endpoint.from_webhook(settings.webhook_url), settings.ca_pem)
        except ValueError as error:  # its message quotes nothing of the URL
            raise StartError(f"The webhook's URL: {error}") from None
    with listening(settings.bind, settings.portal_port, "PORTAL_PORT"):
        portal = LocalPortal(
            settings.state_dir,
            clock,
            bind=settings.bind,
            port=settings.portal_port,
            page_port=settings.portal_page_port,
            host=settings.portal_host,
            demo=DEMO_GRANT,
            run=run,
        )
    _start(portal, closing)
    if settings.portal_host != _LOOPBACK:
        address = _LOOPBACK if settings.bind in _ALL_INTERFACES else settings.bind
        closing.enter_context(resolving(settings.portal_host, address))
    return Target(portal, Endpoint.from_webhook(portal.webhook_url), portal.ca_pem)


def _backend(settings: Settings, clock: SharedClock, target: Target, run: Run, closing: ExitStack) -> Backend:
    # Another engine may contain other tables, even those of another stack.
    suffix = f"-{secrets.token_hex(4)}" if settings.dynamodb_url else ""
    template = Template.load(ROOT / "template.yaml", table_suffix=suffix)
    with listening(settings.bind, 0, "BIND"):
        engine = settings.dynamodb_url or settings.dynamodb
        aws = EmbeddedAws(template, settings.bind, dynamodb=engine, run=run)
    filled = {
        **_reached_at(aws.endpoint_url, template),
        "CA_PEM": target.ca_pem,
        "LOCAL_HOSTS": ",".join(sorted(target.local.local_hosts)) if target.local else _exempt(target.endpoint),
    }
    if target.local:
        filled |= {"BX24_SCRIPT": target.local.script_url, "PORTAL_PAGE_URL": target.local.page_url}
    variables = environment.variables(template, {**filled, **settings.environment})
    task_root = settings.state_dir / "task"
    lambda_runtime.write_stamp(ROOT / "layers", task_root)
    closing.enter_context(environment.replaced({**variables, "LAMBDA_TASK_ROOT": str(task_root)}))
    _start(aws, closing)
    lambda_runtime.put_clock(clock)
    log_file = settings.state_dir / "log.jsonl"
    backend = Backend(aws, Functions(template, FunctionOutput(log_file)), variables, log_file)
    _serve_functions(settings, clock, backend, closing)
    return backend


def _serve_functions(settings: Settings, clock: SharedClock, backend: Backend, closing: ExitStack) -> None:
    """Starts the event sources other than the API: invocations by name, and the queues of the functions."""
    aws, invoked = backend.aws, backend.functions
    sqs = aws.sqs()

    def deliver(queue: str, body: str) -> None:
        sqs.send_message(QueueUrl=aws.queue_url(queue), MessageBody=body)

    invocations = Invocations(invoked, deliver, clock, settings.retry_pauses_s)
    closing.callback(invocations.stop)
    aws.serve_functions(invocations)
    _start(EventSources(invoked.template.sources, aws, invoked.invoke), closing)


def _reached_at(aws_url: str, template: Template) -> dict[str, str]:
    """The functions' variables with the addresses of the stores."""
    queues = {variable: queue_url(aws_url, queue) for variable, queue in template.queue_variables().items()}
    return {"AWS_ENDPOINT_URL": aws_url, **queues}


def _addresses(settings: Settings, clock: SharedClock, backend: Backend, run: Run, closing: ExitStack) -> Addresses:
    api = HttpApi(backend.functions.template.routes, backend.functions.invoke, clock)
    authority = Authority(settings.state_dir / "authority")
    # As in the cloud, each page may call /rest, where a key is the proof.
    admission = Admission.of(run, any_origin="/rest/")
    with listening(settings.bind, settings.api_port, "API_PORT"):
        site = Site(api)
        plain = HttpServer(site, settings.bind, settings.api_port, admission=admission)
    _start(plain, closing)
    with listening(settings.bind, settings.api_https_port, "API_HTTPS_PORT"):
        context = authority.server_context(LOCAL_NAMES)
        # Browsers, which do not trust the authority, open the application's page here without TLS.
        secured = HttpServer(api, settings.bind, settings.api_https_port, context, admission, plain=True)
    _start(secured, closing)
    return Addresses(plain.url(), secured.url(), authority.ca_file, site)


def _install(settings: Settings, target: Target, invoked: Functions, addresses: Addresses) -> tuple[str, str]:
    """Installs the portal; returns its member id and a key. The local portal also gets the sample events' key."""
    if target.local is None or settings.by_webhook:
        known = {"member_id": target.local.member_id} if target.local else {}
        webhook = {"command": "portal.add_webhook", "webhook_url": target.endpoint.base_url, "default": True, **known}
        member_id = str(_answer(invoked, webhook)["member_id"])
    else:
        member_id = _through_the_flow(target.local, invoked, addresses)
    key = {"command": "keys.create", "portal": member_id, "label": "local run", "scopes": KEY_SCOPES}
    api_key = str(_answer(invoked, key)["key"])
    if target.local:
        from chat_lookup.bootstrap import process  # noqa: PLC0415 - only in the functions' environment

        process.services().keys.create(member_id, "sample events", KEY_SCOPES, None, DEMO_KEY)
    return member_id, api_key


def _through_the_flow(portal: LocalPortal, invoked: Functions, addresses: Addresses) -> str:
    """What an operator and an administrator do: add the application's keys to the service, and install it."""
    portal.pages.plainly.add(addresses.api_https_url)
    card = portal.applications.add(service_url=addresses.api_https_url, scopes=APPLICATION_SCOPES)
    keys = {"client_id": card.client_id, "client_secret": card.client_secret}
    _answer(invoked, {"command": "apps.add", "kind": "local", "domain": portal.domain, **keys})
    outcome = portal.installer.install(card.client_id)
    if not outcome.finished:
        raise StartError(f"The application could not be installed in the local portal: {outcome.why}")
    return portal.member_id


def _answer(invoked: Functions, command: Mapping[str, object]) -> Mapping[str, object]:
    answer = invoked.invoke("AdminFunction", command)
    if not isinstance(answer, dict):
        raise StartError(f"The admin function returned no object for {command['command']}")
    return answer


def _exempt(endpoint: Endpoint) -> str:
    """`host:port` of the portal if its address is private: the user who started this run named it."""
    parts = urlsplit(endpoint.base_url)
    host = parts.hostname or ""
    return f"{host}:{parts.port or _HTTPS_PORT}" if is_private(host) else ""


class _Part(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


def _start(part: _Part, closing: ExitStack) -> None:
    closing.callback(part.stop)
    part.start()
