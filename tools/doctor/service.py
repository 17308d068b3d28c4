"""The running service as its callers and operators reach it: /health, and the service's own report."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import urllib3

from layers.stamp import stamp
from tools.doctor.findings import Code, Finding, finding
from tools.lookup.case import Case, Refused
from tools.smoke import SmokeError, health
from tools.smoke import Target as SmokeTarget

_NOT_STORED: Final = "PortalNotInstalled"
"""The error about the portal that was named, and not about the service."""


def answers(url: str, env: str) -> Iterator[Finding]:
    """Whether the service answers at its address, with the layer of this checkout."""
    try:
        layer = health(SmokeTarget(url, "", {}, None, urllib3.PoolManager()))
    except SmokeError as error:
        yield finding(Code.HEALTH_FAILED, f"{url}/health: {error}")
        return
    own = stamp()
    if layer != own:
        detail = f"{url} runs layer {layer[:12]}, this checkout has {own[:12]}"
        if env == "local":
            yield Finding(Code.VERSION_DIFFERS, detail, "Start the run again: make run")
        else:
            yield finding(Code.VERSION_DIFFERS, detail, env=env)


def report(case: Case, portal: str | None) -> list[Finding]:
    """The findings of the operators' command. Raises Refused for a portal that is not stored."""
    try:
        found = case.command("doctor", **({"portal": portal} if portal else {}))["findings"]
    except Refused as error:
        if error.kind == _NOT_STORED:
            raise
        code = Code.RUN_DEAD if error.kind == "NotReached" and case.env == "local" else Code.FUNCTION_FAILED
        return [finding(code, f"AdminFunction failed: {error.kind}: {error.detail}")]
    return [Finding(each["code"], each["detail"], each["remedy"], each.get("portal", "")) for each in found]


def portals(case: Case) -> Sequence[dict[str, Any]]:
    """Every portal as operators see it. Raises Refused."""
    listed: Sequence[dict[str, Any]] = case.command("portals")["portals"]
    return listed
