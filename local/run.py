"""`make run`: starts the whole service on this machine, shows a look-up and the bot, prints a summary, stays up."""

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from chat_lookup.errors import ChatLookupError
from local.net.admission import LOOPBACK
from local.playground.feed import Feed
from local.playground.site import Facts, Playground
from local.program import StartError, alone_in, is_set, read_port, reported, stay, write_private
from local.request_lines import RequestLines
from local.stack import LocalStack, Settings, running
from local.template.reader import TemplateError
from local.walkthrough import introduction, look_up, talk, what_next

DEFAULTS: Final[Mapping[str, str]] = {
    "API_PORT": "3000",
    "API_HTTPS_PORT": "3443",
    "PORTAL_PORT": "3010",
    "PORTAL_PAGE_PORT": "0",
    "BIND": "127.0.0.1",
    "PORTAL_HOST": "127.0.0.1",
    "STATE_DIR": ".local",
    "ONCE": "",
    "QUIET": "",
    "WEBHOOK_FILE": "",
    "WEBHOOK_URL": "",
    "CA_FILE": "",
    "DYNAMODB_URL": "",
    "LOG_LEVEL": "INFO",
    "ENTITY_TYPE": "CRM",
    "ENTITY_ID": "DEAL|1663",
}
"""The variables of the environment, and so of `make run NAME=value`; an empty value counts as not set."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run: a stack, the path of the look-up, whether to end after the demonstration, and whether no
    requests are shown."""

    settings: Settings
    path: str
    once: bool
    quiet: bool


def main(environ: Mapping[str, str]) -> int:
    """Runs until it is interrupted, or only until the demonstration ends. Returns the exit status."""
    try:
        return reported(lambda: run(read(environ)))
    except TemplateError as error:
        print(error, file=sys.stderr)
    except ChatLookupError as error:
        log = Path(environ.get("STATE_DIR") or DEFAULTS["STATE_DIR"]).resolve() / "log.jsonl"
        print(f"The portal could not be installed: {error}. The log is {log}", file=sys.stderr)
    return 1


def read(environ: Mapping[str, str]) -> RunOptions:
    """Reads the options from the environment. Raises StartError."""
    values = {name: environ.get(name) or default for name, default in DEFAULTS.items()}
    webhook_url = values["WEBHOOK_URL"] or _webhook(values["WEBHOOK_FILE"])
    settings = Settings(
        state_dir=Path(values["STATE_DIR"]).resolve(),
        bind=values["BIND"],
        portal_host=values["PORTAL_HOST"],
        api_port=read_port("API_PORT", values["API_PORT"]),
        api_https_port=read_port("API_HTTPS_PORT", values["API_HTTPS_PORT"]),
        portal_port=read_port("PORTAL_PORT", values["PORTAL_PORT"]),
        portal_page_port=read_port("PORTAL_PAGE_PORT", values["PORTAL_PAGE_PORT"]),
        webhook_url=webhook_url or None,
        ca_pem=_content("CA_FILE", values["CA_FILE"]),
        dynamodb_url=values["DYNAMODB_URL"] or None,
        environment={"LOG_LEVEL": values["LOG_LEVEL"]},
    )
    pair = {"entity_type": values["ENTITY_TYPE"], "entity_id": values["ENTITY_ID"]}
    once, quiet = (is_set(values[name]) for name in ("ONCE", "QUIET"))
    return RunOptions(settings, "/v1/chats?" + urlencode(pair), once, quiet)


def run(options: RunOptions) -> int:
    """Starts the stack, shows a look-up and the bot, prints the addresses, and waits. Raises like `running`."""
    console = sys.stdout  # while a function runs, sys.stdout is the function's

    def show(text: str) -> None:
        print(text, file=console, flush=True)

    run_file, env_file = (options.settings.state_dir / name for name in ("run.json", "env.json"))
    with alone_in(options.settings.state_dir, "run"), running(options.settings) as stack:
        for left_over in (run_file, env_file):
            left_over.unlink(missing_ok=True)
        show(introduction(stack))
        worked = [look_up(stack, options.path, show), talk(stack, show)]
        if options.once:
            return 0 if all(worked) else 1
        try:
            write_private(env_file, {"Parameters": stack.container_variables()})
            feed = Feed()
            stack.addresses.site.playground = playground(stack, run_file, feed)
            show(what_next(stack, options.path, run_file))
            stack.backend.functions.watchers.append(feed)
            if not options.quiet:
                show("Requests, as they pass (QUIET=1 shows none):")
                stack.backend.functions.watchers.append(RequestLines(show))
            # Last: who waits for this file finds all that is above.
            write_private(run_file, facts(stack))
            stay()
        finally:
            for written in (run_file, env_file):
                written.unlink(missing_ok=True)
    return 0


def playground(stack: LocalStack, run_file: Path, feed: Feed) -> Playground | None:
    """The page, that only this machine can reach: it hands out the control of the portal."""
    if stack.settings.bind not in LOOPBACK:
        return None
    portal = stack.target.local
    facts = Facts(
        run_file=os.path.relpath(run_file),
        api_key=stack.api_key,
        portal_url=stack.target.url,
        member_id=stack.member_id,
        control_url=portal.control_url if portal else None,
    )
    return Playground(facts, feed)


def facts(stack: LocalStack) -> dict[str, str | None]:
    """The content of `run.json` (design 3.6). Another portal's webhook stays in its own file only."""
    ours = stack.target.local
    return {
        "api_url": stack.addresses.api_url,
        "api_https_url": stack.addresses.api_https_url,
        "api_key": stack.api_key,
        "portal_url": stack.target.url,
        "portal_page_url": ours.page_url if ours else None,
        "webhook_url": ours.webhook_url if ours else None,
        "control_url": ours.control_url if ours else None,
        "ca_file": str(stack.addresses.ca_file),
        "member_id": stack.member_id,
        "aws_endpoint_url": stack.backend.aws.endpoint_url,
    }


def _webhook(path: str) -> str:
    """The URL in the file, or nothing if none is named. Raises StartError also for a file that others can read: the URL
    opens the portal."""
    if not path:
        return ""
    url = _content("WEBHOOK_FILE", path).strip()
    if not url:
        raise StartError(f"WEBHOOK_FILE={path} is empty: write the inbound webhook's URL into it")
    if Path(path).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartError(
            f"WEBHOOK_FILE={path} can be read by other users, and its URL opens the portal: chmod 600 {path}"
        )
    return url


def _content(name: str, path: str) -> str:
    """The text of the file that a variable names, or nothing if it names none."""
    try:
        return Path(path).read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise StartError(f"{name}={path} cannot be read: {reason}") from None
