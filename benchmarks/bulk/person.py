"""A person's wait beside bulk work: after the first question as short as with an idle portal.

Bulk work takes the interactive reserve while no interactive caller asks, and returns it with the first question (design
14): eight processes have used all of their share when it comes. A portal takes 0.2 s for an answer (samples: 0 to 0.3;
bitrix24.md 6.2), so that the load of this machine has the weight that it would have there.
"""

from typing import Final

from benchmarks.bulk.run import played
from benchmarks.bulk.scenario import Scenario
from benchmarks.setting import Setting
from benchmarks.timing import Figure

_FIRST_SLOT: Final = 1.5
"""Seconds that the first question may wait for its slot."""
_LONGEST: Final = 1.5
"""The most time of any other question, over its time without bulk work."""
_BESIDE_BULK: Final = Scenario(questions=11, asked_after=6.0, answer_seconds=0.2, batch_seconds=0.5)
_IDLE: Final = Scenario(processes=0, batches=0, questions=11, answer_seconds=0.2)


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    url = setting.dynamodb_local("has writes that are atomic")
    bulk, idle = (each.hurried() if setting.quick else each for each in (_BESIDE_BULK, _IDLE))
    outcome = played(bulk, url)
    first, *later = outcome.waits
    _, *alone = (seconds for _, seconds in played(idle, url).waits)
    waits = [seconds for _, seconds in later]
    who = "a person's wait beside bulk work"
    return [
        Figure.paired(who, "an idle portal", "s", waits, alone, _LONGEST),
        Figure.paired(f"{who}, the longest", "an idle portal", "s", [max(waits)], [max(alone)], _LONGEST),
        Figure.paired(f"{who}, the first slot", "what it may be", "s", [first[0]], [_FIRST_SLOT], 1.0),
        Figure.paired(
            "refused, bulk work beside a person", "all requests", "", [outcome.refused], [outcome.requests], 0.0
        ),
    ]
