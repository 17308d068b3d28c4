"""The control of a portal in this process, asked as over HTTP but without a request: a test of an installation asks it
18 times."""

import json
from typing import Any

from local.portal import LocalPortal
from local.portal.protocol import rest_wire


def controlled(portal: LocalPortal, verb: str, target: str, body: object = None) -> Any:
    """The JSON of the control's answer. `target` is a path with its query; raises `ControlError` or `Impossible` for
    what is refused."""
    path, _, query = target.partition("?")
    content = b"" if body is None else json.dumps(body).encode()
    return json.loads(rest_wire.encode(portal.control.answer(verb, path, query, content)))
