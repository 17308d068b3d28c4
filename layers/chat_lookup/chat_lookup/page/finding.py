"""What a user looks for on the page, and the chats of it that this user may see.

Ids may come from the cache, and are the application's knowledge. Only those leave here that the portal confirms to
the viewer's own token, in this view; nothing else of an answer names a chat or another object (design 12).
"""

from collections.abc import Sequence
from typing import NamedTuple

from chat_lookup.bitrix24.results import ChatDetails
from chat_lookup.bot.entity_parser import READ, objects_in
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotFound, InvalidRequest, LinkOfAnotherPortal, ObjectNotFound
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.model import Options
from chat_lookup.objects.find import Objects
from chat_lookup.objects.model import ListedChat, ObjectChats, ObjectOptions, PartState
from chat_lookup.objects.portal_objects import PortalObject, object_of
from chat_lookup.page.pace import PagePace
from chat_lookup.page.sessions import Session
from chat_lookup.page.viewers import MOST_CHATS, Viewers
from chat_lookup.portals.portal import Portal


class Wanted(NamedTuple):
    """A user's question, and how many chats of its answer were shown before."""

    ref: EntityRef | None
    chat_id: int | None = None
    offset: int = 0


class Candidates(NamedTuple):
    """The chats of an answer before anything of it is confirmed, in its order, and what is worth a hint."""

    chats: Sequence[ListedChat]
    source: str
    age_seconds: int
    notes: tuple[str, ...] = ()


class View(NamedTuple):
    """What the viewer is shown. `more` is the offset of the next view; `notes` are keys of sentences."""

    ref: EntityRef | None
    chats: Sequence[tuple[ListedChat, ChatDetails]]
    source: str
    age_seconds: int
    notes: tuple[str, ...]
    more: int | None


def wanted_in(query: str, portal: Portal, offset: int) -> Wanted:
    """What a text asks for: the first object that it names or links to, or else the first chat.

    Raises `InvalidRequest` where it names nothing, and `LinkOfAnotherPortal`.
    """
    if len(query) > READ:
        raise InvalidRequest(f"query must have at most {READ} characters")
    named = objects_in(query, {portal.domain, *portal.former_domains})
    if named.pairs:
        return Wanted(named.pairs[0], offset=offset)
    if named.chats:
        return Wanted(None, named.chats[0])
    if named.foreign:
        raise LinkOfAnotherPortal("The link leads to another portal than this one")
    raise InvalidRequest("query names no object; type a kind and a number, as in: deal 1663, or paste a link")


class PageFinder:
    """Answers the questions of one user at a time."""

    def __init__(self, lookup: Lookup, objects: Objects, viewers: Viewers, pace: PagePace) -> None:
        self._lookup = lookup
        self._objects = objects
        self._viewers = viewers
        self._pace = pace

    def find(self, portal: Portal, session: Session, token: str | None, wanted: Wanted, deadline: Deadline) -> View:
        """The chats that the viewer may see. Raises what look-ups raise, and `CallerTokenRejected`."""
        with self._pace.of_a_view(portal, _requests(wanted)):
            return self._view(portal, session, token, wanted, deadline)

    def _view(self, portal: Portal, session: Session, token: str | None, wanted: Wanted, deadline: Deadline) -> View:
        try:
            found = self._candidates(portal, wanted, deadline)
        except (ChatNotFound, ObjectNotFound):
            # The owner of no valid token learns no more of this than of a chat that is there.
            self._viewers.confirmed(portal, session.user_id, token, (), deadline)
            raise
        part = found.chats[wanted.offset : wanted.offset + MOST_CHATS]
        ids = [each.chat_id for each in part]
        confirmed = self._viewers.confirmed(portal, session.user_id, token, ids, deadline)
        shown = [(each, confirmed.chats[each.chat_id]) for each in part if each.chat_id in confirmed.chats]
        notes = found.notes
        if len(shown) < len(part):
            notes = (*notes, "unconfirmed" if confirmed.failed else "hidden")
        after = wanted.offset + MOST_CHATS
        ref = wanted.ref
        if ref is None and shown:
            ref = EntityRef.or_none(shown[0][1].entity_type, shown[0][1].entity_id)
        more = after if after < len(found.chats) else None
        return View(ref, shown, found.source, found.age_seconds, notes, more)

    def _candidates(self, portal: Portal, wanted: Wanted, deadline: Deadline) -> Candidates:
        ref = wanted.ref
        if ref is None:
            return Candidates([ListedChat(wanted.chat_id or 0, "")], "portal", 0)
        asked = object_of(ref)
        if asked is not None:
            return self._of_object(portal, asked, deadline)
        found = self._lookup.find(portal, ref, Options(), deadline)
        return Candidates([ListedChat(found.chat_id, "")], found.source, found.age_seconds)

    def _of_object(self, portal: Portal, asked: PortalObject, deadline: Deadline) -> Candidates:
        answer = self._objects.find(portal, asked, ObjectOptions(), deadline)
        return Candidates(answer.chats, answer.source, answer.age_seconds, tuple(_notes(answer)))


def _requests(wanted: Wanted) -> int:
    """How often the portal is called for a view: for the viewer's chats, the pair or the object, and its relatives."""
    if wanted.ref is None:
        return 1
    return 2 if object_of(wanted.ref) is None else 3


def _notes(answer: ObjectChats) -> list[str]:
    """What an answer lacks, without the names of the objects that it lacks it of."""
    notes = []
    if answer.truncated:
        notes.append("truncated")
    if any(part.open_lines is PartState.NOT_GRANTED for part in answer.parts):
        notes.append("lines-not-granted")
    if any(part.problem is not None for part in answer.parts):
        notes.append("incomplete")
    return notes
