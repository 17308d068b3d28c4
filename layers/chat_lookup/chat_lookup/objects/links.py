"""What a link to a page of the portal shows: an object, or a chat. No link is ever called.

The paths are those of bitrix24.md 1.20 and 9, rows 22 and 23; the routes of spaces are those of the product's source.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final

from chat_lookup.entity import EntityRef
from chat_lookup.errors import InvalidRequest, LinkNotUnderstood, LinkOfAnotherPortal
from chat_lookup.objects.portal_objects import BY_NUMBER

_CRM_TYPES: Final[Mapping[str, str]] = {
    "DYNAMIC_1": "LEAD",
    "DYNAMIC_2": "DEAL",
    "DYNAMIC_3": "CONTACT",
    "DYNAMIC_4": "COMPANY",
    "DYNAMIC_7": "QUOTE",
}

NUMBER: Final = r"0{0,9}(?P<number>[1-9][0-9]{0,17})"
"""An id. Ids fit into 64 bits; none is 0, which links contain for a new object."""

_PATHS: Final = tuple(
    (f"(?ai:{path}){NUMBER}(?!\\w)", kind)
    for path, kind in (
        (r"/crm/(?P<kind>lead|deal|contact|company)/(?:details|show|edit)/", "{kind}"),
        (r"/type/(?P<kind>[1-9][0-9]{0,8})/details/", "DYNAMIC_{kind}"),
        # Before the groups: a task inside a group is the task.
        (r"/tasks/task/(?:view|edit)/", "TASK"),
        (r"/(?:workgroups|spaces)/group/", "GROUP"),
    )
)
"""Paths of the portal, with any prefix: there are /extranet/… and, self-hosted, sites in folders."""

_OPENED: Final = r"[?&](?i:IM_DIALOG)=chat0{0,9}(?P<chat>[1-9][0-9]{0,14})(?![0-9])"
"""The chat that a link opens in the messenger (bitrix24.md 9, row 22)."""
_ADDRESS: Final = r"(?i:https?://|//)?(?P<host>[^/?#\\]*)(?P<path>[^?#]*)"

FOREIGN: Final = 0
"""What is read of a link to another portal's object; no chat has this id."""


def object_linked(address: str, hosts: Collection[str]) -> EntityRef:
    """The pair of the object that a caller's link shows; `hosts` are the portal's, each with an unusual port.

    Raises `LinkOfAnotherPortal`, `LinkNotUnderstood`, and `InvalidRequest` for a link that opens a chat.
    """
    shown = shown_by(address.strip(), {folded(host) for host in hosts})
    if shown is None:
        raise LinkNotUnderstood
    if isinstance(shown, EntityRef):
        return shown
    if shown == FOREIGN:
        raise LinkOfAnotherPortal
    raise InvalidRequest(
        "The link opens a chat, and names no object",
        hint=f"GET /v1/chats/{shown} returns the entity of chat {shown}.",
    )


def shown_by(address: str, ours: Collection[str]) -> EntityRef | int | None:
    """What a link shows. One without a host, which only the portal's own messages contain, is the portal's."""
    found = re.match(_ADDRESS, address)
    if found is None:
        return None
    shown = _shown(found["path"]) or _opened(address)
    if shown is not None and found["host"] and folded(found["host"]) not in ours:
        return FOREIGN
    return shown


def _shown(link_path: str) -> EntityRef | None:
    for path, kind in _PATHS:
        object_ = re.search(path, link_path)
        if object_ is not None:
            return pair_of(kind.format(**object_.groupdict()).upper(), object_["number"])
    return None


def _opened(address: str) -> int | None:
    opened = re.search(_OPENED, address)
    return None if opened is None else int(opened["chat"])


def pair_of(kind: str, number: str) -> EntityRef:
    """The pair of an object's discussion, by the kind that users name."""
    if kind in BY_NUMBER:
        return EntityRef(BY_NUMBER[kind], number)
    return EntityRef("CRM", f"{_CRM_TYPES.get(kind, kind)}|{number}")


def folded(host: str) -> str:
    """A host in comparable form: without the usual ports, in ASCII, as browsers show names in both forms."""
    host = host.strip().casefold().removesuffix(":443").removesuffix(":80").rstrip(".")
    if not host.isascii():
        with suppress(UnicodeError):
            return host.encode("idna").decode("ascii")
    return host
