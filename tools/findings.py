"""What a check before a deployment reads, and what it reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tools.environment import Clients, Environment
from tools.stack import StackState

REFUSED: Final = "REFUSED"
WARNING: Final = "WARNING"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, why it matters, what the operator does about it."""

    kind: str
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}\n  Why: {self.why}\n  Do:  {self.remedy}"


def refused(what: str, why: str, remedy: str) -> list[Finding]:
    """The deployment would fail, or the stack would lose what it is sent."""
    return [Finding(REFUSED, what, why, remedy)]


def warned(what: str, why: str, remedy: str) -> list[Finding]:
    """The deployment succeeds, and the operator should know."""
    return [Finding(WARNING, what, why, remedy)]


@dataclass(frozen=True, slots=True)
class StackCase:
    """One deployment to be checked: the environment, the stack as it is, the parameters that it gets."""

    environment: Environment
    clients: Clients
    state: StackState

    @property
    def parameters(self) -> Mapping[str, str]:
        return self.environment.parameters(self.state.parameters)

    def of(self, name: str) -> str:
        return self.parameters.get(name, "")

    def number(self, name: str) -> int:
        return int(self.parameters.get(name) or 0)

    def deployed_number(self, name: str) -> int:
        return int(self.state.parameters.get(name) or 0)

    @property
    def region(self) -> str:
        return self.environment.region
