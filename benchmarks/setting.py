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
