"""The calls of the walk: for each method the usual ones, and one for each refusal that the portal has.

The first usual call of a method has every required parameter: the walk leaves them out one by one.
"""

from typing import Final

from tests.local.platform import scenes_bots, scenes_chats, scenes_crm, scenes_system
from tests.local.platform.scene import Scene

SCENES: Final[tuple[Scene, ...]] = (
    *scenes_system.SCENES,
    *scenes_chats.SCENES,
    *scenes_crm.SCENES,
    *scenes_bots.SCENES,
)


def scenes_of(method: str) -> tuple[Scene, ...]:
    """The calls of a method by its documented name, usual ones first."""
    return tuple(sorted((scene for scene in SCENES if scene.method == method), key=lambda scene: bool(scene.refused)))
