"""`make run`: starts the whole service on this machine, shows a look-up and the bot, prints a summary, stays up."""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from chat_lookup.errors import ChatLookupError
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
    """The options of a run: a stack, the path of the look-up, and whether to end after the demonstration."""

    settings: Settings
    path: str
    once: bool


def main(environ: Mapping[str, str]) -> int:
    """Runs until Ctrl-C or SIGTERM, or only until the demonstration ends. Returns the exit status."""
    # Handlers of our own: a shell starts background processes with SIGINT ignored.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    try:
        return run(read(environ))
    except (StartError, TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    except ChatLookupError as error:
        print(f"The portal could not be installed: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0


def read(environ: Mapping[str, str]) -> RunOptions:
    """Reads the options from the environment. Raises StartError."""
    values = {name: environ.get(name) or default for name, default in DEFAULTS.items()}
    webhook_url = values["WEBHOOK_URL"] or _content("WEBHOOK_FILE", values["WEBHOOK_FILE"]).strip()
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
    return RunOptions(settings, "/v1/chats?" + urlencode(pair), once=values["ONCE"] not in ("", "0"))


def run(options: RunOptions) -> int:
    """Starts the stack, shows a look-up and the bot, prints the addresses, and waits. Raises like `running`."""
    console = sys.stdout  # while a function runs, sys.stdout is the function's

    def show(text: str) -> None:
        print(text, file=console, flush=True)

    run_file, env_file = (options.settings.state_dir / name for name in ("run.json", "env.json"))
    for left_over in (run_file, env_file):
        left_over.unlink(missing_ok=True)
    with running(options.settings) as stack:
        show(introduction(stack))
        worked = [look_up(stack, options.path, show), talk(stack, show)]
        if options.once:
            return 0 if all(worked) else 1
        try:
            write_private(env_file, {"Parameters": stack.container_variables()})
            write_private(run_file, facts(stack))
            show(what_next(stack, options.path, run_file))
            _until_a_signal()
        finally:
            for written in (run_file, env_file):
                written.unlink(missing_ok=True)
    return 0


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


def _content(name: str, path: str) -> str:
    """The text of the file that a variable names, or nothing if it names none."""
    try:
        return Path(path).read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise StartError(f"{name}={path} cannot be read: {reason}") from None


if __name__ == "__main__":
    sys.exit(main(os.environ))
