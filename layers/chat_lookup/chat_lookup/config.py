"""Settings of a function, frozen, read from the environment that template.yaml declares.

Nothing secret stands here: secrets are in Secrets Manager, and the environment only says where.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from chat_lookup.errors import ServiceMisconfigured

_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_SECRET_PREFIX = re.compile(r"[A-Za-z0-9/_+=.@-]{1,200}")
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9.-]{1,253}:[0-9]{1,5}")
_MEMBER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PUBLIC_URL = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, checked."""

    portal_table: str
    cache_table: str
    secret_prefix: str
    local_hosts: frozenset[str]
    """Exact `host:port` exempt from the address check; empty in production (design 3.6)."""
    private_portals: frozenset[str]
    """Exact `host:port` of self-hosted portals that may have a private address; they are no authorisation servers."""
    public_url: str
    """Our own address without a slash at its end; empty where each installation tells it by its request."""
    install_members: frozenset[str]
    """The member ids that may install; empty for all."""
    ca_pem: str
    """One more certificate authority, as PEM text; empty in production."""
    endpoint_url: str | None
    """Where AWS is emulated; None in production."""


def from_environ(environ: Mapping[str, str]) -> Settings:
    """Read and check every setting.

    Raises `ServiceMisconfigured` that lists all faults at once, by variable, without any value.
    """
    faults: list[str] = []

    def read(name: str, pattern: re.Pattern[str]) -> str:
        value = environ.get(name, "")
        if not value:
            faults.append(f"{name} is not set")
        elif not pattern.fullmatch(value):
            faults.append(f"{name} has characters or a length that are not admitted")
        return value

    def listed(name: str, value: str, pattern: re.Pattern[str], form: str) -> frozenset[str]:
        items = [item.strip() for item in value.split(",") if item.strip()]
        if not all(pattern.fullmatch(item) for item in items):
            faults.append(f"{name} is not a comma-separated list of {form}")
        return frozenset(items)

    hosts = listed("LOCAL_HOSTS", environ.get("LOCAL_HOSTS", ""), _HOST_AND_PORT, "host:port")
    private = listed("PRIVATE_PORTALS", environ.get("PRIVATE_PORTALS", ""), _HOST_AND_PORT, "host:port")
    members = listed("INSTALL_MEMBERS", environ.get("INSTALL_MEMBERS", ""), _MEMBER_ID, "member ids")
    public_url = environ.get("PUBLIC_URL", "").rstrip("/")
    if public_url and not is_public_url(public_url):
        faults.append("PUBLIC_URL is not https://host, without a path")
    ca_pem = environ.get("CA_PEM", "")
    if ca_pem and "-----BEGIN CERTIFICATE-----" not in ca_pem:
        faults.append("CA_PEM is not PEM text")
    endpoint_url = environ.get("AWS_ENDPOINT_URL") or None
    if endpoint_url and not endpoint_url.startswith(("http://", "https://")):
        faults.append("AWS_ENDPOINT_URL is not a URL")
    settings = Settings(
        portal_table=read("PORTAL_TABLE", _TABLE_NAME),
        cache_table=read("CACHE_TABLE", _TABLE_NAME),
        secret_prefix=read("SECRET_PREFIX", _SECRET_PREFIX),
        local_hosts=frozenset(host.lower() for host in hosts),
        private_portals=frozenset(host.lower() for host in private),
        public_url=public_url,
        install_members=members,
        ca_pem=ca_pem,
        endpoint_url=endpoint_url,
    )
    if faults:
        raise ServiceMisconfigured("; ".join(faults))
    return settings


def is_public_url(url: str) -> bool:
    """Whether a text may be our own address: https, a host, perhaps a port, and nothing else."""
    return _PUBLIC_URL.fullmatch(url) is not None
