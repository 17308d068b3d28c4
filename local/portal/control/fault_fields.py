"""Reads a fault from a control request."""

import json
import re
from typing import Final

from local.portal.behaviour.faults import LONGEST_DELAY_MS, Fault
from local.portal.control.fields import ControlError, Fields

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A token (RFC 9110, 5.1)."""


def read_fault(value: object) -> Fault:
    """One fault from its JSON. Raises ControlError, which names what is wrong."""
    fields = Fields(value, "a fault")
    fault = Fault(
        method=fields.text("method", shortest=1).lower(),
        status=fields.whole("status", least=200, most=599) if fields.has("status") else None,
        error=fields.text("error") if fields.has("error") else None,
        error_description=fields.text("error_description") if fields.has("error_description") else None,
        body=_body(fields),
        content_type=fields.header("content_type") if fields.has("content_type") else None,
        headers=_headers(fields),
        delay_ms=fields.number("delay_ms", 0, most=LONGEST_DELAY_MS),
        drop=fields.flag("drop", default=False),
        truncate=fields.whole("truncate") if fields.has("truncate") else None,
        fields=_changes(fields),
        times=fields.whole("times", least=1) if fields.has("times") else None,
        probability=fields.number("probability", 1, most=1),
        seed=json.dumps(fields.take("seed", 0)),
    )
    fields.finish()
    if fault == Fault(fault.method, times=fault.times, probability=fault.probability, seed=fault.seed):
        raise ControlError(
            "a fault must do something: give status, error, body, headers, delay_ms, drop, truncate or fields"
        )
    return fault


def _body(fields: Fields) -> str | None:
    """A text is sent unchanged, anything else as JSON."""
    if not fields.has("body"):
        return None
    body = fields.take("body", "")
    return body if isinstance(body, str) else json.dumps(body)


def _changes(fields: Fields) -> tuple[tuple[str, object], ...]:
    """Any JSON for each name; null removes the field."""
    changes = Fields(fields.take("fields", {}), '"fields"')
    return tuple((name, changes.take(name, None)) for name in changes.names())


def _headers(fields: Fields) -> tuple[tuple[str, str], ...]:
    headers = Fields(fields.take("headers", {}), '"headers"')
    if not all(map(_NAME.fullmatch, headers.names())):
        raise ControlError('"headers" must have names of headers')
    return tuple((name, headers.header(name)) for name in headers.names())
