"""Events that no portal of ours sent, over HTTP: refused at the price of one read, counted, and never queued."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import pytest

from chat_lookup.bootstrap import aws_clients
from chat_lookup.portals.application_tokens import hashed
from local.portal.events.http_delivery import Answer
from tests.support.events.event_arrival import FORGERIES, TEXT, TOKEN, Changes, body_of
from tests.support.portals.unknown_portal import Stage

EVENTS: Final = "/bitrix24/events"
OTHER_TOKEN: Final = "t0ken-of-the-other-portal-0123456"
MADE_FROM_IT: Final[Mapping[str | None, Callable[[str], str]]] = {
    TOKEN: str,
    hashed(TOKEN): hashed,
    TOKEN.upper(): str.upper,
}
"""What a forgery says that is made from the token, and how it is made."""


@dataclass(slots=True)
class Door:
    """A portal that is installed, the token that it has, and what the service asks of AWS while something knocks."""

    stage: Stage
    token: str
    asked: list[str]

    def knock(self, changes: Changes | None = None) -> Answer:
        """An event of the portal's as it would send it, but for these fields."""
        portal = self.stage.portal
        own = {
            "auth[application_token]": self.token,
            **dict.fromkeys(("auth[member_id]", "data[bot][auth][member_id]"), portal.member_id),
            **dict.fromkeys(("auth[domain]", "data[bot][auth][domain]"), portal.domain),
            "auth[client_endpoint]": f"https://{portal.domain}/rest/",
        }
        return self.stage.request("POST", EVENTS, body_of({**own, **(changes or {})}))

    def rejected(self) -> Mapping[str, float]:
        """How many were rejected since the last mark, by reason."""
        blobs = [blob for blob in self.stage.service.metrics() if "EventsRejected" in blob]
        reasons = {blob["reason"] for blob in blobs}
        return {reason: sum(sum(b["EventsRejected"]) for b in blobs if b["reason"] == reason) for reason in reasons}


def application_token(stage: Stage) -> str:
    """What the portal sends with the next opening of the installer's page."""
    return parse_qs(stage.message().body)["APPLICATION_TOKEN"][0]


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """What the functions ask of AWS on behalf of a request, by the name of the operation; not what the worker asks."""
    operations: list[str] = []

    def note(**told: Any) -> None:
        if not threading.current_thread().name.startswith("source"):
            operations.append(told["event_name"].rpartition(".")[2])

    session = aws_clients.session()
    session.register("before-send", note)
    yield operations
    session.unregister("before-send", note)


@pytest.fixture
def door(stage: Stage, asked: list[str]) -> Door:
    """Two portals are installed: the stage's, and the stack's own, which has an application token here, too."""
    assert stage.contact().status == 200
    stage.dynamodb.update_item(
        TableName="PortalTable",
        Key={"pk": {"S": f"PORTAL#{stage.service.member_id}"}, "sk": {"S": "RECORD"}},
        UpdateExpression="SET application_tokens = :tokens",
        ExpressionAttributeValues={":tokens": {"SS": [hashed(OTHER_TOKEN)]}},
    )
    stage.service.cold_start()  # and with it, clients are made under observation
    stage.service.mark()
    asked.clear()
    return Door(stage, application_token(stage), asked)


def assert_refused_cheaply(door: Door, changes: Changes, reason: str) -> None:
    with door.stage.untouched():
        answer = door.knock(changes)
    assert answer.status == 403, answer
    assert answer.content_type.startswith("application/problem+json")
    assert door.asked in ([], ["GetItem"])
    assert door.rejected() == {reason: 1}
    assert TEXT not in door.stage.service.output()


def test_the_portals_own_event_is_verified_by_one_read_and_queued(door: Door) -> None:
    answer = door.knock()
    assert (answer.status, answer.body) == (200, '{"status":"success"}')
    assert door.asked == ["GetItem", "SendMessage"]
    assert door.rejected() == {}


@pytest.mark.parametrize(("changes", "reason"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_event_is_refused_at_the_price_of_one_read(door: Door, changes: Changes, reason: str) -> None:
    made = {
        name: MADE_FROM_IT[value](door.token) if value in MADE_FROM_IT else value for name, value in changes.items()
    }
    assert_refused_cheaply(door, made, reason)


def test_the_token_of_another_portal_is_refused(door: Door) -> None:
    assert_refused_cheaply(door, {"auth[application_token]": OTHER_TOKEN}, "wrong_token")


def test_a_portal_cannot_speak_for_another_one(door: Door) -> None:
    theirs = {"auth[member_id]": door.stage.service.member_id}
    assert_refused_cheaply(door, theirs, "wrong_token")


def test_the_token_of_a_former_installation_is_refused(door: Door) -> None:
    former = door.token
    installed_anew(door)
    assert former != door.token
    assert_refused_cheaply(door, {"auth[application_token]": former}, "wrong_token")


def test_the_token_of_a_former_installation_is_refused_where_it_was_just_admitted(door: Door) -> None:
    former = door.token
    assert door.knock().status == 200
    door.stage.tell("/uninstall", {"client_id": door.stage.card.client_id, "send": False})
    assert door.stage.contact().status == 200
    door.token = application_token(door.stage)
    assert door.knock().status == 200  # the new one, at once
    assert door.knock({"auth[application_token]": former}).status == 403


def test_a_portal_that_uninstalled_the_application_has_nothing_more_to_say(door: Door) -> None:
    assert door.stage.tell("/uninstall", {"client_id": door.stage.card.client_id})["status"] == 200
    door.stage.service.cold_start()
    door.stage.service.mark()
    door.asked.clear()
    assert_refused_cheaply(door, {}, "not_installed")


def test_a_flood_in_an_unknown_name_costs_one_read(door: Door) -> None:
    unknown = {"auth[member_id]": "0" * 32}
    assert {door.knock(unknown).status for _ in range(20)} == {403}
    assert door.asked == ["GetItem"]
    assert door.rejected() == {"unknown_portal": 20}


@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"])
def test_events_of_the_applications_life_are_heard_at_their_own_address_only(door: Door, name: str) -> None:
    with door.stage.untouched():
        answer = door.knock({"event": name})
    assert answer.status == 200
    assert (door.asked, door.rejected()) == ([], {"wrong_address": 1})
    assert door.stage.state == "active"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [(b"", 400, "malformed"), (b"a[b=1", 400, "malformed"), (b"[" * 1_048_577, 413, "too_large")],
)
def test_garbage_is_refused_without_any_read(door: Door, body: bytes, status: int, reason: str) -> None:
    with door.stage.untouched():
        answer = door.stage.request("POST", EVENTS, body)
    assert answer.status == status
    assert (door.asked, door.rejected()) == ([], {reason: 1})


def installed_anew(door: Door) -> None:
    """The portal removes the application without a word, and installs it again."""
    door.stage.tell("/uninstall", {"client_id": door.stage.card.client_id, "send": False})
    assert door.stage.contact().status == 200
    door.token = application_token(door.stage)
    door.stage.service.cold_start()
    door.stage.service.mark()
    door.asked.clear()
