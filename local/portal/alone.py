"""`make portal`: the portal without the service, for the tests of other applications (docs/local-portal.md)."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from local.portal.server import LocalPortal, Passed
from local.program import alone_in, is_set, listening, read_port, reported, stay, write_private
from local.shared_clock import SharedClock

DEFAULTS: Final[Mapping[str, str]] = {
    "PORTAL_PORT": "3010",
    "PORTAL_PAGE_PORT": "0",
    "BIND": "127.0.0.1",
    "PORTAL_HOST": "127.0.0.1",
    "STATE_DIR": ".local",
    "QUIET": "",
}
"""The variables of the environment, and so of `make portal NAME=value`; an empty value counts as not set."""

FACTS: Final = "portal.json"
_CODE_IN_PATH: Final = re.compile(r"^(/rest/(?:api/)?[0-9]+/)[^/]+")
_LONGEST: Final = 300


def main(environ: Mapping[str, str], began: float) -> int:
    """Runs until it is interrupted; `began` is when the program did, by the monotonic clock. Returns the status."""
    values = {name: environ.get(name) or default for name, default in DEFAULTS.items()}
    return reported(lambda: run(values, began))


def run(values: Mapping[str, str], began: float) -> int:
    """Starts the portal, prints its addresses, and waits. Raises StartError."""
    state_dir, bind, host = Path(values["STATE_DIR"]).resolve(), values["BIND"], values["PORTAL_HOST"]
    port, page_port = (read_port(name, values[name]) for name in ("PORTAL_PORT", "PORTAL_PAGE_PORT"))
    with alone_in(state_dir, "portal"):
        file = state_dir / FACTS
        file.unlink(missing_ok=True)
        clock = SharedClock(state_dir / "clock")
        clock.reset()
        watch = None if is_set(values["QUIET"]) else _show
        with listening(bind, port, "PORTAL_PORT"):
            portal = LocalPortal(state_dir, clock, bind=bind, port=port, page_port=page_port, host=host, watch=watch)
        with portal:
            try:
                print(_introduction(portal, file, time.monotonic() - began), flush=True)
                # Last: who waits for this file finds that text printed.
                write_private(file, facts(portal))
                stay()
            finally:
                file.unlink(missing_ok=True)
    return 0


def facts(portal: LocalPortal) -> dict[str, str]:
    """The content of `portal.json`; the webhook's address is a secret, as a real one is."""
    return {
        "portal_url": portal.portal_url,
        "webhook_url": portal.webhook_url,
        "control_url": portal.control_url,
        "portal_page_url": portal.page_url,
        "ca_file": str(portal.ca_file),
    }


def line(passed: Passed) -> str:
    """One request: time, verb, path without a webhook's code, status, the code of a refusal or `ok`, milliseconds."""
    path = quote(_CODE_IN_PATH.sub(r"\g<1>***", passed.path), safe="/*")[:_LONGEST]
    status = "cut" if passed.status is None else passed.status
    at = time.strftime("%H:%M:%S")
    return f"{at} {passed.verb} {path} {status} {quote(passed.error or 'ok')} {passed.ms:.0f} ms"


def _show(passed: Passed) -> None:
    """Prints a request; the portal goes on where nothing reads the output any more."""
    with suppress(OSError):
        print(line(passed), flush=True)


def _introduction(portal: LocalPortal, file: Path, seconds: float) -> str:
    return "\n".join(
        (
            f"A Bitrix24 portal on this machine, ready after {seconds:.1f} s",
            f"  portal     {portal.portal_url} (HTTPS; its authorisation server answers here, too)",
            f"  pages      {portal.page_url}/ in a browser (its script for applications' pages: {portal.script_url})",
            f"  control    {portal.control_url} (chats, users, faults, events: docs/local-portal.md)",
            f"  authority  {portal.ca_file} (trust it: it signs the portal's certificate)",
            f"  addresses  {file} (these, and the URL of the administrator's inbound webhook)",
            "Press Ctrl-C to stop.",
        )
    )
