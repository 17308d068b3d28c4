"""The JSON of a look-up's outcome, over HTTP and by direct invocation alike (design 3.1, 3.3)."""

from collections.abc import Mapping, Sequence

from chat_lookup.bitrix24.results import ChatDetails
from chat_lookup.entity import LONGEST, EntityRef
from chat_lookup.errors import ChatLookupError, ResponseFull
from chat_lookup.http.responses import Room, problem
from chat_lookup.lookup.model import Found


def found_body(found: Found) -> dict[str, object]:
    """The fields of a chat that was found (design 3.1); `chat` only where the caller asked for its details."""
    body: dict[str, object] = {
        "entity_type": found.ref.entity_type if found.ref else None,
        "entity_id": found.ref.entity_id if found.ref else None,
        "chat_id": found.chat_id,
        "dialog_id": f"chat{found.chat_id}",
        "source": found.source,
        "method": found.method,
        "age_seconds": found.age_seconds,
    }
    if found.expanded:
        chat = found.chat
        body["chat"] = chat and {
            "type": chat.type,
            "title": chat.title,
            "owner_id": chat.owner_id,
            "members": chat.members,
        }
        body |= _open_line(chat) if chat else {}
    return body


def _open_line(chat: ChatDetails) -> dict[str, object]:
    """What is known of an open line's chat besides: its conversation, and the objects that it is bound to."""
    line = chat.open_line
    if line is None:
        return {}
    return {
        "crm": [{"type": bound.type, "id": bound.id} for bound in line.crm],
        "open_line": {
            "connector": line.connector,
            "line": line.line,
            "session_id": line.session_id,
            "operator_id": chat.owner_id,
            "active": line.active,
        },
    }


def problem_body(entity_type: object, entity_id: object, error: ChatLookupError) -> dict[str, object]:
    """One item without a chat id, with its problem."""
    return {"entity_type": entity_type, "entity_id": entity_id, "chat_id": None, "problem": problem(error)}


def outcome_body(ref: EntityRef, outcome: Found | ChatLookupError) -> dict[str, object]:
    if isinstance(outcome, ChatLookupError):
        return problem_body(ref.entity_type, ref.entity_id, outcome)
    return found_body(outcome)


def results_body(
    lookups: Sequence[object], pairs: Sequence[EntityRef | ChatLookupError], outcomes: Sequence[Found | ChatLookupError]
) -> dict[str, object]:
    """The response to many look-ups, in their order, each with its own outcome: `ResponseFull` where no room is."""
    room = Room()
    return {
        "results": [
            _fitting(room, pair, outcome) if isinstance(pair, EntityRef) else _as_given(lookup, pair)
            for lookup, pair, outcome in zip(lookups, pairs, outcomes, strict=True)
        ]
    }


def _fitting(room: Room, ref: EntityRef, outcome: Found | ChatLookupError) -> dict[str, object]:
    """Only details have texts of the portal's, of any length: all else has room."""
    body = outcome_body(ref, outcome)
    if isinstance(outcome, Found) and outcome.expanded and not room.takes(body):
        return outcome_body(ref, ResponseFull(retry_after=1))
    return body


def _as_given(lookup: object, error: ChatLookupError) -> dict[str, object]:
    """The given fields in place of a pair, where they are printable text; the problem describes what is wrong."""
    given = lookup if isinstance(lookup, Mapping) else {}
    entity_type, entity_id = (
        value if isinstance(value, str) and value.isprintable() and len(value) <= LONGEST else None
        for value in (given.get("entity_type"), given.get("entity_id"))
    )
    return problem_body(entity_type, entity_id, error)
