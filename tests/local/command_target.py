"""The functions of the local service, as `./lookup --env local` finds them."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.lookup.target import Target, found


@cache
def reached(url: str) -> Target:
    """What is found by the `run.json` of a run; a client is made once for all tests of a process."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "run.json").write_text(json.dumps({"aws_endpoint_url": url}))
        return found("local", {"STATE_DIR": folder})
