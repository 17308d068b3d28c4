"""What is counted, by name: the kinds of look-ups, and the two halves of an event."""

from typing import Final

HIT, HIT_IN_MEMORY, HIT_FIRST = "hit", "hit in memory", "hit, first of its portal in 30 s"
MISS, MISS_FIRST, MISS_CONTENDED = "miss", "miss, first of its portal in 3 s", "miss, while another process asks"
MISS_EXPIRED = "miss, with a token that has expired"
RECEIVED, WORKED, WORKED_KNOWN = "event received", "event worked", "event worked, of a chat that is known"
WORKED_ASKING = "event worked, that asks the portal"
SERIES: Final = "metrics that came up"
KINDS: Final = (
    HIT, HIT_IN_MEMORY, HIT_FIRST, MISS, MISS_FIRST, MISS_CONTENDED, MISS_EXPIRED, RECEIVED, WORKED, WORKED_ASKING,
    WORKED_KNOWN,
)  # fmt: skip
