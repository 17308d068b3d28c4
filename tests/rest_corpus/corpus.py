"""The corpus: the same requests on every machine, from one seed."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from tests.rest_corpus.batches import batch
from tests.rest_corpus.requests import (
    Params,
    about_the_portal,
    dialog,
    encoded,
    look_up,
    odd_body,
    unheard_of,
)
from tests.rest_corpus.wire import Ask

SIZE: Final = 2_400
SEED: Final = 20_260_224

_KINDS: Final[tuple[tuple[int, Callable[[Random], Ask]], ...]] = (
    # (parts of a hundred, how one of the kind is made)
    (45, lambda rng: _one(rng, look_up)),
    (10, odd_body),
    (10, lambda rng: _one(rng, dialog)),
    (6, lambda rng: _one(rng, about_the_portal)),
    (3, lambda rng: _one(rng, unheard_of)),
    (26, batch),
)


def corpus(size: int = SIZE, seed: int = SEED) -> Iterator[Ask]:
    """`size` requests; another seed makes others."""
    rng = Random(seed)  # noqa: S311 - nothing secret: the same corpus again is the purpose
    parts = [part for part, _ in _KINDS]
    makers = [maker for _, maker in _KINDS]
    for maker in rng.choices(makers, parts, k=size):
        yield maker(rng)


def _one(rng: Random, kind: Callable[[Random], tuple[str, Params]]) -> Ask:
    return encoded(rng, *kind(rng))
