"""The JSON of an answer about objects, over HTTP and by direct invocation alike (design 11)."""

from collections.abc import Sequence

from chat_lookup.errors import ChatLookupError, ResponseFull
from chat_lookup.http.responses import Room, problem
from chat_lookup.objects.model import ListedChat, ObjectChats, ObjectOutcome, ObjectPart
from chat_lookup.objects.portal_objects import PortalObject


def object_body(answer: ObjectChats) -> dict[str, object]:
    """The fields of one object's answer."""
    return {
        "entity_type": answer.object.ref.entity_type,
        "entity_id": answer.object.ref.entity_id,
        "chats": [_chat(each) for each in answer.chats],
        "parts": [_part(each) for each in answer.parts],
        "truncated": answer.truncated,
        "source": answer.source,
        "age_seconds": answer.age_seconds,
    }


def objects_body(
    objects: Sequence[PortalObject | ChatLookupError], outcomes: Sequence[ObjectOutcome]
) -> dict[str, object]:
    """The response to a question about many objects, in their order, each with its own outcome: `ResponseFull` where no
    room is left for it."""
    room = Room()
    bodies = ((each, outcome_of(each, outcome)) for each, outcome in zip(objects, outcomes, strict=True))
    return {
        "results": [
            body if room.takes(body) else outcome_of(each, ResponseFull(retry_after=1)) for each, body in bodies
        ]
    }


def outcome_of(asked: PortalObject | ChatLookupError, outcome: ObjectOutcome) -> dict[str, object]:
    """An answer, or the problem in its place."""
    if isinstance(outcome, ObjectChats):
        return object_body(outcome)
    ref = asked.ref if isinstance(asked, PortalObject) else None
    return {
        "entity_type": ref.entity_type if ref else None,
        "entity_id": ref.entity_id if ref else None,
        "chats": None,
        "problem": problem(outcome),
    }


def _chat(chat: ListedChat) -> dict[str, object]:
    line = chat.line
    kind = "discussion" if line is None else "open_line"
    body: dict[str, object] = {
        "chat_id": chat.chat_id,
        "dialog_id": f"chat{chat.chat_id}",
        "kind": kind,
        "of": chat.of,
    }
    if line is not None:
        body |= {"connector": line.connector, "connector_title": line.connector_title, "active": line.active}
    return body


def _part(part: ObjectPart) -> dict[str, object]:
    body: dict[str, object] = {"of": part.of, "discussion": part.discussion, "open_lines": part.open_lines}
    if part.relatives is not None:
        body["relatives"] = part.relatives
    if part.problem is not None:
        body["problem"] = problem(part.problem)
    return body
