"""The admin function as operators invoke it: a process of its own beside the one that a test builds."""

from typing import Any, Final

from functions.admin import app
from tests.support.fakes import WEBHOOK_URL, lambda_context

ADD: Final = {"command": "portal.add_webhook", "webhook_url": WEBHOOK_URL}
"""The command that adds a portal with no more than its webhook."""


def run(**event: Any) -> dict[str, Any]:
    """The answer to one command."""
    return app.handler(event, lambda_context())
