"""What is counted, by name: the kinds of look-ups, the two halves of an event, objects, and the page's views."""

from typing import Final

HIT, HIT_IN_MEMORY, HIT_FIRST = "hit", "hit in memory", "hit, first of its portal in 30 s"
MISS, MISS_FIRST, MISS_CONTENDED = "miss", "miss, first of its portal in 3 s", "miss, while another process asks"
MISS_EXPIRED = "miss, with a token that has expired"
RECEIVED, WORKED, WORKED_KNOWN = "event received", "event worked", "event worked, of a chat that is known"
WORKED_ASKING = "event worked, that asks the portal"
OBJECT, OBJECT_ASKED = "object alone", "object alone, asked"
OBJECT_WHOLE, OBJECT_WHOLE_ASKED = "object with three relatives", "object with three relatives, asked"
OBJECTS, OBJECTS_ASKED = "batch of 200 objects", "batch of 200 objects, asked"
FOUND, FOUND_ASKED = "view of the page", "view of the page, of an object that is asked for"
SERIES: Final = "metrics that came up"
SERIES_OF_OBJECTS: Final = "metrics that came up with objects and the page"
OF_OBJECTS: Final = (
    OBJECT, OBJECT_ASKED, OBJECT_WHOLE, OBJECT_WHOLE_ASKED, OBJECTS, OBJECTS_ASKED, FOUND, FOUND_ASKED,
)  # fmt: skip
"""Those about objects, and the page's views: a stack may have neither."""
KINDS: Final = (
    HIT, HIT_IN_MEMORY, HIT_FIRST, MISS, MISS_FIRST, MISS_CONTENDED, MISS_EXPIRED, RECEIVED, WORKED, WORKED_ASKING,
    WORKED_KNOWN, *OF_OBJECTS,
)  # fmt: skip
