"""The admin function as operators invoke it: a separate process from the one that a test builds."""

from typing import Any, Final

from functions.admin import app
from tests.support.fakes import WEBHOOK_URL, lambda_context

ADD: Final = {"command": "portal.add_webhook", "webhook_url": WEBHOOK_URL}
"""The command that adds a portal with its webhook only."""


def run(**event: Any) -> dict[str, Any]:
    """Run one command; return its answer."""
    return app.handler(event, lambda_context())
