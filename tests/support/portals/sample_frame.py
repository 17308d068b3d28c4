"""The sample of an installation in a frame, for a portal with another address."""

import base64
import json
from typing import Any, Final
from urllib.parse import quote

from tests.support.repository import ROOT

PORTAL_OF_SAMPLES: Final = "host.docker.internal:3010"


def frame_of(domain: str) -> dict[str, Any]:
    """`events/install-frame.json` with this domain of the portal."""
    event: dict[str, Any] = json.loads((ROOT / "events/install-frame.json").read_text())
    there, here = (quote(each, safe="") for each in (PORTAL_OF_SAMPLES, domain))
    form = base64.b64decode(event["body"]).decode()
    assert there in event["rawQueryString"]
    assert there in form
    event["rawQueryString"] = event["rawQueryString"].replace(there, here)
    event["body"] = base64.b64encode(form.replace(there, here).encode()).decode()
    return event
