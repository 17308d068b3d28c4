"""`make run`: starts the whole service on this machine, shows a look-up and the bot, prints a summary, stays up."""

import fcntl
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from chat_lookup.errors import ChatLookupError
from local.request_lines import RequestLines
from local.stack import LocalStack, Settings, StartError, running
from local.template.reader import TemplateError
from local.walkthrough import introduction, look_up, talk, what_next

DEFAULTS: Final[Mapping[str, str]] = {
    "API_PORT": "3000",
    "API_HTTPS_PORT": "3443",
    "PORTAL_PORT": "3010",
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

_HIGHEST_PORT: Final = 65_535


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
        return run(read(environ))
    except (StartError, TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    except ChatLookupError as error:
        log = Path(environ.get("STATE_DIR") or DEFAULTS["STATE_DIR"]).resolve() / "log.jsonl"
        print(f"The portal could not be installed: {error}. The log is {log}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # What is left in the buffer can reach no reader: the interpreter would fail again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("The reader of the output has ended, and so has the run.", file=sys.stderr)
        return 1


def read(environ: Mapping[str, str]) -> RunOptions:
    """Reads the options from the environment. Raises StartError."""
    values = {name: environ.get(name) or default for name, default in DEFAULTS.items()}
    webhook_url = values["WEBHOOK_URL"] or _webhook(values["WEBHOOK_FILE"])
    settings = Settings(
        state_dir=Path(values["STATE_DIR"]).resolve(),
        bind=values["BIND"],
        portal_host=values["PORTAL_HOST"],
        api_port=_port("API_PORT", values["API_PORT"]),
        api_https_port=_port("API_HTTPS_PORT", values["API_HTTPS_PORT"]),
        portal_port=_port("PORTAL_PORT", values["PORTAL_PORT"]),
        webhook_url=webhook_url or None,
        ca_pem=_content("CA_FILE", values["CA_FILE"]),
        dynamodb_url=values["DYNAMODB_URL"] or None,
        environment={"LOG_LEVEL": values["LOG_LEVEL"]},
    )
    pair = {"entity_type": values["ENTITY_TYPE"], "entity_id": values["ENTITY_ID"]}
    once, quiet = (values[name] not in ("", "0") for name in ("ONCE", "QUIET"))
    return RunOptions(settings, "/v1/chats?" + urlencode(pair), once, quiet)


def run(options: RunOptions) -> int:
    """Starts the stack, shows a look-up and the bot, prints the addresses, and waits. Raises like `running`."""
    console = sys.stdout  # while a function runs, sys.stdout is the function's

    def show(text: str) -> None:
        print(text, file=console, flush=True)

    run_file, env_file = (options.settings.state_dir / name for name in ("run.json", "env.json"))
    with _alone_in(options.settings.state_dir), running(options.settings) as stack:
        for left_over in (run_file, env_file):
            left_over.unlink(missing_ok=True)
        show(introduction(stack))
        worked = [look_up(stack, options.path, show), talk(stack, show)]
        if options.once:
            return 0 if all(worked) else 1
        try:
            write_private(env_file, {"Parameters": stack.container_variables()})
            write_private(run_file, facts(stack))
            show(what_next(stack, options.path, run_file))
            if not options.quiet:
                show("Requests, as they pass (QUIET=1 shows none):")
                stack.backend.functions.watch = RequestLines(show)
            _until_a_signal()
        finally:
            for written in (run_file, env_file):
                written.unlink(missing_ok=True)
    return 0


@contextmanager
def _alone_in(state_dir: Path) -> Iterator[None]:
    """Holds the folder of a run: two in one would take each other's files away. Raises StartError."""
    choose = "choose another folder: make run STATE_DIR=path"
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(state_dir / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(f"STATE_DIR={state_dir} cannot be used: {error.strerror}; {choose}") from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            # The lock ends with the process, however that ends.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"Another run uses STATE_DIR={state_dir}: stop it, or {choose}") from None
        yield


def _until_a_signal() -> None:
    """Blocks until a signal's handler raises. The handler of a signal that comes just before a wait runs after it."""
    while True:
        time.sleep(1)


def facts(stack: LocalStack) -> dict[str, str | None]:
    """The content of `run.json` (design 3.6). Another portal's webhook stays in its own file only."""
    ours = stack.target.local
    return {
        "api_url": stack.addresses.api_url,
        "api_https_url": stack.addresses.api_https_url,
        "api_key": stack.api_key,
        "portal_url": stack.target.url,
        "webhook_url": ours.webhook_url if ours else None,
        "control_url": ours.control_url if ours else None,
        "ca_file": str(stack.addresses.ca_file),
        "member_id": stack.member_id,
        "aws_endpoint_url": stack.backend.aws.endpoint_url,
    }


def write_private(path: Path, content: object) -> None:
    """Writes JSON in one step, so that no reader sees half of the file; readable by its owner only."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    Path(draft).replace(path)


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PORT):
        raise StartError(f"{name} must be a port, 0 to {_HIGHEST_PORT} (0 takes a free one)")
    return int(text)


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
