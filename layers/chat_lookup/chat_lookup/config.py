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


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, checked."""

    portal_table: str
    cache_table: str
    secret_prefix: str
    local_hosts: frozenset[str]
    """Exact `host:port` exempt from the address check; empty in production (design 3.6)."""
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

    hosts = [host.strip() for host in environ.get("LOCAL_HOSTS", "").split(",") if host.strip()]
    if not all(_HOST_AND_PORT.fullmatch(host) for host in hosts):
        faults.append("LOCAL_HOSTS is not a comma-separated list of host:port")
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
        ca_pem=ca_pem,
        endpoint_url=endpoint_url,
    )
    if faults:
        raise ServiceMisconfigured("; ".join(faults))
    return settings
