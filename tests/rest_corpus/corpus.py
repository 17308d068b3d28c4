"""The corpus: requests generated from one seed, the same on every machine."""

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
    unknown_method,
)
from tests.rest_corpus.wire import WireRequest

SIZE: Final = 2_400
SEED: Final = 20_260_224

_KINDS: Final[tuple[tuple[int, Callable[[Random], WireRequest]], ...]] = (
    # (percent of the corpus, factory of one request of the kind)
    (45, lambda rng: _one(rng, look_up)),
    (10, odd_body),
    (10, lambda rng: _one(rng, dialog)),
    (6, lambda rng: _one(rng, about_the_portal)),
    (3, lambda rng: _one(rng, unknown_method)),
    (26, batch),
)


def corpus(size: int = SIZE, seed: int = SEED) -> Iterator[WireRequest]:
    """Yield `size` requests; another seed gives others."""
    rng = Random(seed)  # noqa: S311 - no secret: the corpus must be reproducible
    parts = [part for part, _ in _KINDS]
    makers = [maker for _, maker in _KINDS]
    for maker in rng.choices(makers, parts, k=size):
        yield maker(rng)


def _one(rng: Random, kind: Callable[[Random], tuple[str, Params]]) -> WireRequest:
    return encoded(rng, *kind(rng))
