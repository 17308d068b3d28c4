"""The garbage collector of a starting process waits: what imports make stays, and to search it is a twelfth of a start.

Imported before what is worth waiting for. Where nothing is ever built (a probe, `/health`), the patience stays.
"""

import gc
from functools import cache
from typing import Final

_USUAL: Final = gc.get_threshold()
_OF_A_START: Final = 200_000
"""New containers before a search. A start makes about 70,000, and searches 30 times by the usual threshold."""

gc.set_threshold(_OF_A_START, *_USUAL[1:])


@cache
def started() -> None:
    """Once per process: what there is now is never searched, and from here on the usual threshold holds."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
