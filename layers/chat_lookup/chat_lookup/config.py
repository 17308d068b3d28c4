"""Settings of a function, frozen, read from the environment that template.yaml declares.

No secrets here: they are in Secrets Manager, and the environment only contains their prefix.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.errors import ServiceMisconfigured

# Compiled when a variable is checked, which `re` remembers: a function declares some of them only.
_TABLE_NAME = r"[A-Za-z0-9_.-]{3,255}"
_PREFIX = r"[A-Za-z0-9/_+=.@-]{1,200}"
_HOST_AND_PORT = r"[A-Za-z0-9.-]{1,253}:[0-9]{1,5}"
_MEMBER_ID = r"[A-Za-z0-9_-]{1,64}"
_PUBLIC_URL = r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?"
_PUBLIC_URL_AS_SET = _PUBLIC_URL + "/*"
_PEM = r"(?s).*-----BEGIN CERTIFICATE-----.*"
_HOST = r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?"
_CERTIFICATE = r"(?a)\s*-----BEGIN CERTIFICATE-----(\s*[A-Za-z0-9+/=][A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----\s*"
_PEM_LINE = 64
_LONGEST_CA = 2048
"""Characters: all variables of a function together have 4 KB, and a parameter of CloudFormation as many."""
_URL = r"https?://.*"
_KEY_ARN = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
_QUEUE_URL = r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[0-9]{12}/[A-Za-z0-9_-]{1,80}"
_FUNCTION = r"[A-Za-z0-9:_$-]{1,170}"
_EVENT_BUS = r"[A-Za-z0-9._/-]{1,256}"
_BOOLEAN = r"true|false"
_SCRIPT = r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[A-Za-z0-9._/-]{0,200}"
_ORIGIN = r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/?"
_ON_OR_OFF = r"on|off"

VENDORS_SCRIPT: Final = "https://api.bitrix24.com/api/v1/"


class EventsTeach(StrEnum):
    """What a bot's event teaches the cache about the chat that it names (docs/decisions/020).

    `HINT`: for types of the portal's modules only that the portal is to be asked. `TRUST`: the chat itself, if an
    employee or the system caused the event. `OFF`: nothing.
    """

    HINT = "hint"
    TRUST = "trust"
    OFF = "off"


_EVENTS_TEACH = "|".join(EventsTeach)


class Settings(NamedTuple):
    """The environment's settings, checked."""

    portal_table: str
    cache_table: str
    secret_prefix: str
    local_hosts: frozenset[str]
    """Exact `host:port` exempt from the address check; empty in production (design 3.6)."""
    private_portals: frozenset[str]
    """Exact `host:port` of self-hosted portals that may have a private address; they are no authorisation servers."""
    authorisation_servers: frozenset[str]
    """Exact `host:port` of self-hosted portals' own authorisation servers, beside the vendor's."""
    public_url: str
    """Our own address without a slash at its end; empty where each installation takes it from its request."""
    install_members: frozenset[str]
    """The member ids that may install; empty for all."""
    ca_pem: str
    """More certificate authorities, as PEM text: that of self-hosted portals, and that of a local run."""
    endpoint_url: str | None
    """Where AWS is emulated; None in production."""
    key_arn: str = ""
    """The KMS key that encrypts new secrets; empty for the one that Secrets Manager manages."""
    event_queue_url: str = ""
    dead_letter_queue_url: str = ""
    worker_function: str = ""
    """The name of the function that processes events, invoked directly when the queue refuses them."""
    event_bus: str = ""
    """Where events are published; empty publishes none."""
    publish_text: bool = False
    """Whether published events contain the text that users wrote."""
    events_teach: EventsTeach = EventsTeach.HINT
    bx24_script: str = VENDORS_SCRIPT
    """The script by which a page in the portal talks with the portal around it."""
    portal_page_url: str = ""
    """Where a local portal shows its pages, which may frame ours; empty in production."""
    portal_admin_keys: bool = True
    """Whether administrators of portals make API keys on the page."""

    @property
    def page_key(self) -> str:
        """The name of the secret that signs the sessions of the page inside the portal."""
        return f"{self.secret_prefix}/page-key"

    @property
    def portal_hosts(self) -> frozenset[str]:
        """Exact `host:port` that a portal may have beyond ordinary names."""
        return self.local_hosts | self.private_portals


def from_environ(environ: Mapping[str, str]) -> Settings:
    """Read and check every setting.

    Raises `ServiceMisconfigured` that lists all faults at once, by variable, without any value.
    """
    read = _Reading(environ)
    settings = Settings(
        portal_table=read.required("PORTAL_TABLE", _TABLE_NAME),
        cache_table=read.required("CACHE_TABLE", _TABLE_NAME),
        secret_prefix=read.required("SECRET_PREFIX", _PREFIX),
        local_hosts=_folded(read.listed("LOCAL_HOSTS", _HOST_AND_PORT, "host:port")),
        private_portals=_folded(read.listed("PRIVATE_PORTALS", _HOST_AND_PORT, "host:port")),
        authorisation_servers=frozenset(
            server if ":" in server else f"{server}:443"
            for server in _folded(read.listed("AUTHORISATION_SERVERS", _HOST, "host or host:port"))
        ),
        public_url=read.optional("PUBLIC_URL", _PUBLIC_URL_AS_SET, "https://host, without a path").rstrip("/"),
        install_members=read.listed("INSTALL_MEMBERS", _MEMBER_ID, "member ids"),
        ca_pem=read.optional("CA_PEM", _PEM, "PEM text") + read.certificates("PORTAL_CA"),
        endpoint_url=read.optional("AWS_ENDPOINT_URL", _URL, "a URL") or None,
        key_arn=read.optional("KEY_ARN", _KEY_ARN, "the ARN of a KMS key"),
        event_queue_url=read.optional("EVENT_QUEUE_URL", _QUEUE_URL, "the URL of a queue"),
        dead_letter_queue_url=read.optional("DEAD_LETTER_QUEUE_URL", _QUEUE_URL, "the URL of a queue"),
        worker_function=read.optional("WORKER_FUNCTION", _FUNCTION, "the name or the ARN of a function"),
        event_bus=read.optional("EVENT_BUS", _EVENT_BUS, "the name of an event bus"),
        publish_text=read.optional("PUBLISH_TEXT", _BOOLEAN, "true or false") == "true",
        events_teach=read.events_teach("EVENTS_TEACH"),
        bx24_script=read.optional("BX24_SCRIPT", _SCRIPT, "the URL of a script") or VENDORS_SCRIPT,
        portal_page_url=read.optional("PORTAL_PAGE_URL", _ORIGIN, "http(s)://host[:port]").rstrip("/"),
        portal_admin_keys=read.optional("PORTAL_ADMIN_KEYS", _ON_OR_OFF, "on or off") != "off",
    )
    if read.faults:
        raise ServiceMisconfigured("; ".join(read.faults))
    return settings


class _Reading:
    """Reads one variable after the other, and collects their faults."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []

    def required(self, name: str, pattern: str) -> str:
        if not self.environ.get(name):
            self.faults.append(f"{name} is not set")
        return self._checked(name, pattern, "has characters or a length that are not allowed")

    def optional(self, name: str, pattern: str, form: str) -> str:
        """Empty where it is not set: no function declares all of them."""
        return self._checked(name, pattern, f"is not {form}")

    def events_teach(self, name: str) -> EventsTeach:
        given = self.optional(name, _EVENTS_TEACH, "hint, trust or off")
        return EventsTeach(given) if given in set(EventsTeach) else EventsTeach.HINT

    def listed(self, name: str, pattern: str, form: str) -> frozenset[str]:
        items = [item.strip() for item in self.environ.get(name, "").split(",") if item.strip()]
        if not all(re.fullmatch(pattern, item) for item in items):
            self.faults.append(f"{name} is not a comma-separated list of {form}")
        return frozenset(items)

    def certificates(self, name: str) -> str:
        """PEM text with one line, or several, for each certificate: a parameter may have lost its line ends."""
        given = self.environ.get(name, "")
        parts = re.split(r"(?<=-----END CERTIFICATE-----)", given) if given else []
        blocks = [re.fullmatch(_CERTIFICATE, part) for part in parts if part.strip()]
        if len(given) > _LONGEST_CA or not all(blocks):
            self.faults.append(f"{name} is not PEM text of certificates, of {_LONGEST_CA} characters at most")
        return "".join(_as_pem(block[1]) for block in blocks if block)

    def _checked(self, name: str, pattern: str, fault: str) -> str:
        value = self.environ.get(name, "")
        if value and not re.fullmatch(pattern, value):
            self.faults.append(f"{name} {fault}")
        return value


def _as_pem(body: str) -> str:
    text = "".join(body.split())
    lines = [text[start : start + _PEM_LINE] for start in range(0, len(text), _PEM_LINE)]
    return "\n".join(["", "-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def _folded(hosts: frozenset[str]) -> frozenset[str]:
    return frozenset(host.lower() for host in hosts)


def is_public_url(url: str) -> bool:
    """Whether a text may be our own address: https, a host, perhaps a port, and nothing else."""
    return re.fullmatch(_PUBLIC_URL, url) is not None
