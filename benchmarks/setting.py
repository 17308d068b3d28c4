"""The settings of a run of the benchmarks, and the error of a figure that cannot be taken."""

from dataclasses import dataclass
from pathlib import Path


class LeftOut(Exception):
    """A figure cannot be taken here; the message names what is missing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """`quick` takes each figure once, as a test of the benchmarks. `dynamodb_url` names a DynamoDB Local, or is empty.

    `artifact` is the folder that `sam build` writes.
    """

    quick: bool
    dynamodb_url: str
    artifact: Path

    def rounds(self, usual: int) -> int:
        """How often a figure is taken."""
        return 1 if self.quick else usual

    def dynamodb_local(self, lacking: str) -> str:
        """Its URL. Raises LeftOut without one, with the property that only DynamoDB Local has here."""
        if not self.dynamodb_url:
            raise LeftOut(f"DYNAMODB_LOCAL_URL names no DynamoDB Local, and nothing else here {lacking}")
        return self.dynamodb_url
