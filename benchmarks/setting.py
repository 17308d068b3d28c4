"""What a run of the benchmarks has at hand, and how a figure says that it lacks something."""

from dataclasses import dataclass
from pathlib import Path


class LeftOut(Exception):
    """A figure cannot be taken here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """`quick` takes each figure once, to see that it can be. `dynamodb_url` names a DynamoDB Local, or is empty.

    `artifact` is the folder that `sam build` leaves.
    """

    quick: bool
    dynamodb_url: str
    artifact: Path

    def dynamodb_local(self, lacking: str) -> str:
        """Where it answers. Raises LeftOut without one, with what nothing else here has."""
        if not self.dynamodb_url:
            raise LeftOut(f"DYNAMODB_LOCAL_URL names no DynamoDB Local, and nothing else here {lacking}")
        return self.dynamodb_url
