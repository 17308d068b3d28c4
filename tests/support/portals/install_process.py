"""A process of the install function, as Lambda runs one: started apart, with a memory of its own.

Reads events, one to a line; says `ready` once it stands, and each answer's status when it has it.
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
    # Who only probes has it loaded and built.
    functions.invoke("InstallFunction", {"routeKey": "HEAD /bitrix24/install"})
    say(READY)
    for line in sys.stdin:
        answer = functions.invoke("InstallFunction", json.loads(line))
        say(str(answer["statusCode"]) if isinstance(answer, dict) else "no answer")


def say(word: str) -> None:
    sys.__stdout__.write(f"{word}\n")  # type: ignore[union-attr]  # a process started with pipes has one
    sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
