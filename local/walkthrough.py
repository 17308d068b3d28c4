"""What `make run` tells its user: what runs where, and what to try."""

from pathlib import Path

from local.aws.services import PUBLISHED
from local.demo_key import DEMO_KEY
from local.stack import LocalStack

_KEY_FROM_FILE = """$(python3 -c 'import json; print(json.load(open("{}"))["api_key"])')"""


def introduction(stack: LocalStack) -> str:
    """What runs where, and what was done so far."""
    ours, addresses = stack.target.local, stack.addresses
    portal = f"{stack.target.url} (its control: {ours.control_url})" if ours else f"{stack.target.url} (not ours)"
    lines = [
        "Bitrix24 Chat Lookup on this machine",
        f"  service    {addresses.api_url} and {addresses.api_https_url}",
        f"  portal     {portal}",
        f"  stores     {stack.backend.aws.endpoint_url} (DynamoDB, Secrets Manager, SQS, EventBridge; gone at the end)",
        f"  published  {stack.backend.aws.endpoint_url}{PUBLISHED} (the bots' events, as the event bus got them)",
        f"  authority  {addresses.ca_file} (signs the certificates here)",
        f"  log        {stack.backend.log_file} (log lines and metrics of the functions)",
    ]
    if stack.settings.bind not in ("127.0.0.1", "localhost"):
        lines.append(f"  Whoever reaches {stack.settings.bind} reaches the stores, too, which ask for no password.")
    how = "as an administrator does" if ours and not stack.settings.by_webhook else "by its webhook"
    lines.append(f"Installed the application in the portal {stack.member_id}, {how}, and made an API key.")
    return "\n".join(lines)


def what_next(stack: LocalStack, path: str, run_file: Path) -> str:
    """Lines that work as they are printed. A key stands in them only if everybody knows it."""
    key = DEMO_KEY if stack.target.local else _KEY_FROM_FILE.format(run_file)
    return "\n".join(
        [
            "Try next:",
            f"  curl -s -H \"X-Api-Key: {key}\" '{stack.addresses.api_url}{path}'",
            f"All addresses and the API key are in {run_file}. Ctrl-C stops it.",
        ]
    )
