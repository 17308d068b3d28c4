"""A separate process of the install function with its own memory, as Lambda runs one.

Writes `ready` when the function is built; then reads events, one per line, and writes the status of each answer.
"""

import json
import sys
from pathlib import Path

from local.aws.function_output import FunctionOutput
from local.aws.lambda_runtime import Functions, put_clock
from local.shared_clock import SharedClock
from local.template.reader import Template
from tests.support.repository import ROOT

READY = "ready"


def main(clock_file: Path, log_file: Path) -> None:
    put_clock(SharedClock(clock_file))
    functions = Functions(Template.load(ROOT / "template.yaml"), FunctionOutput(log_file))
    # A probe loads and builds the function.
    functions.invoke("InstallFunction", {"routeKey": "HEAD /bitrix24/install"})
    write_line(READY)
    for line in sys.stdin:
        answer = functions.invoke("InstallFunction", json.loads(line))
        write_line(str(answer["statusCode"]) if isinstance(answer, dict) else "no answer")


def write_line(word: str) -> None:
    sys.__stdout__.write(f"{word}\n")  # type: ignore[union-attr]  # a process started with pipes has one
    sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
