"""Publishes events to the user's own systems, on an EventBridge bus: normalised, without tokens (docs/events.md)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.entity import EntityRef
from chat_lookup.errors import StoreUnavailable
from chat_lookup.events.model import BotEvent, EventChat, EventCommand, EventMessage, EventUser, Record
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.recovery import Recovery

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE: Final = "bitrix24.chat"
RECOVERED: Final = "portal.recovered"
LARGEST_ENTRY: Final = 256 * 1024 - 1
"""Bytes of an entry: EventBridge wants less than 256 KB (its user guide, "PutEvents event entry size")."""
_TIME: Final = 14
"""Bytes counted for the time, by the same page; texts count in UTF-8, and the bus's name not at all."""
_CUT: Final[dict[str, object]] = {"text_cut": True}


class BusUnavailable(StoreUnavailable):
    code, title = "bus-unavailable", "The event bus did not accept an event"


class Publisher:
    """Puts events on the bus; on none where `bus` is empty. Texts that users wrote are included only `with_text`."""

    def __init__(self, client: "EventBridgeClient", bus: str, telemetry: Telemetry, *, with_text: bool) -> None:
        self._events = client
        self._bus = bus
        self._telemetry = telemetry
        self._with_text = with_text

    def publish(self, record: Record, domain: str, ref: EntityRef | None) -> bool:
        """Publish one event of the portal at `domain`, with its chat's entity; returns whether there is a bus.

        At least once: raises `BusUnavailable` where the bus refuses it, so that it is repeated under the same
        `event_id`.
        """
        if not self._bus:
            return False
        detail = detail_of(record, domain, ref, with_text=self._with_text)
        return self._published(record.event.name, detail, record.received_at)

    def publish_recovery(self, recovery: Recovery) -> bool:
        """Publish that a closed portal is open again. Returns and raises as `publish`."""
        return bool(self._bus) and self._published(RECOVERED, recovery_detail(recovery), recovery.recovered_at)

    def _published(self, name: str, detail: str, at: float) -> bool:
        error = self._put(name, detail, at)
        if error is not None:
            # The code only: a message may quote the entry.
            self._telemetry.note(bus_error=error)
            raise BusUnavailable(retry_after=1)
        return True

    def _put(self, name: str, detail: str, at: float) -> str | None:
        """Put one entry on the bus; None if it was accepted, else the error's code."""
        try:
            answer = self._events.put_events(
                Entries=[
                    {
                        "EventBusName": self._bus,
                        "Source": SOURCE,
                        "DetailType": name,
                        "Detail": detail,
                        "Time": datetime.fromtimestamp(at, UTC),
                    }
                ]
            )
        except ClientError as error:
            return error.response.get("Error", {}).get("Code") or "ClientError"
        except BotoCoreError as error:
            return type(error).__name__
        return answer["Entries"][0].get("ErrorCode", "unknown") if answer["FailedEntryCount"] else None


def detail_of(record: Record, domain: str, ref: EntityRef | None, *, with_text: bool) -> str:
    """The entry's detail as JSON, within the size of an entry: users' texts are cut first."""
    room = LARGEST_ENTRY - _TIME - len(f"{SOURCE}{record.event.name}".encode())
    bare = _without_words(record, domain, ref)
    if not with_text:
        return _json(bare)
    text = record.event.message.text if record.event.message else ""
    whole = _json(bare | _words(record.event, text))
    over = len(whole.encode()) - room
    if over <= 0:
        return whole
    # In JSON a text takes as many bytes as in UTF-8, or more: the cut here is large enough.
    left = text.encode(errors="replace")[: -over - len(_json(_CUT))].decode(errors="ignore")
    shorter = _json(bare | _words(record.event, left) | _CUT)
    return shorter if len(shorter.encode()) <= room else _json(bare | _CUT)


def recovery_detail(recovery: Recovery) -> str:
    """The detail of `portal.recovered` as JSON."""
    return _json(
        {
            "event_id": recovery.event_id,
            "portal": {"member_id": recovery.member_id, "domain": recovery.domain},
            "state": recovery.state,
            "portal_error": recovery.code or None,
            "recovered_at": recovery.recovered_at,
        }
    )


def _without_words(record: Record, domain: str, ref: EntityRef | None) -> dict[str, object]:
    """All of the event but the texts that a user wrote."""
    event = record.event
    return {
        "event_id": record.event_id,
        "portal": {"member_id": record.member_id, "domain": domain},
        "kind": event.kind.value,
        "api": event.api,
        "bot_ids": list(event.bot_ids),
        # The entity is the pair that the event names; without one it was looked up.
        "chat": _fields(event.chat, "entity_type", "entity_id", "crm"),
        "entity": None if ref is None else {"entity_type": ref.entity_type, "entity_id": ref.entity_id},
        "user": _fields(event.user),
        "message": _fields(event.message, "text"),
        "commands": [_fields(command, "params") for command in event.commands],
        "reaction": event.reaction,
        "action": event.action,
        "language": event.language,
        "sent_at": event.sent_at,
        "received_at": record.received_at,
    }


def _words(event: BotEvent, text: str) -> dict[str, object]:
    """The parts of the detail that contain users' texts, with `text` for the message's."""
    words: dict[str, object] = {"commands": [_fields(command) for command in event.commands]}
    if event.message is not None:
        words["message"] = _fields(event.message._replace(text=text))
    if event.kind is EventKind.OTHER:
        words["data"] = event.data
    return words


def _fields(part: EventChat | EventUser | EventMessage | EventCommand | None, *without: str) -> object:
    """A part of an event as a JSON object, null if there is none."""
    if part is None:
        return None
    return {name: value for name, value in part._asdict().items() if name not in without}


def _json(detail: Mapping[str, object]) -> str:
    # Half an emoji, which JSON can contain and UTF-8 cannot, would lose the event.
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()
