"""Forged events over HTTP: refused after one read at most, counted, and never queued."""

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
DERIVED: Final[Mapping[str | None, Callable[[str], str]]] = {
    TOKEN: str,
    hashed(TOKEN): hashed,
    TOKEN.upper(): str.upper,
}
"""Values of forgeries that are derived from the token, with the function that derives them."""


@dataclass(slots=True)
class Receiver:
    """The event receiver: an installed portal, its application token, and the calls to AWS of each request."""

    stage: Stage
    token: str
    aws_calls: list[str]

    def send_event(self, changes: Changes | None = None) -> Answer:
        """Send an event as the portal does, with these fields replaced."""
        portal = self.stage.portal
        own = {
            "auth[application_token]": self.token,
            **dict.fromkeys(("auth[member_id]", "data[bot][auth][member_id]"), portal.member_id),
            **dict.fromkeys(("auth[domain]", "data[bot][auth][domain]"), portal.domain),
            "auth[client_endpoint]": f"https://{portal.domain}/rest/",
        }
        return self.stage.request("POST", EVENTS, body_of({**own, **(changes or {})}))

    def rejected(self) -> Mapping[str, float]:
        """Return the number of rejected events since the last mark, by reason."""
        blobs = [blob for blob in self.stage.service.metrics() if "EventsRejected" in blob]
        reasons = {blob["reason"] for blob in blobs}
        return {reason: sum(sum(b["EventsRejected"]) for b in blobs if b["reason"] == reason) for reason in reasons}


def application_token(stage: Stage) -> str:
    """Return the token that the portal sends when the installer page is opened."""
    return parse_qs(stage.message().body)["APPLICATION_TOKEN"][0]


@pytest.fixture
def aws_calls() -> Iterator[list[str]]:
    """The AWS operations that functions call for a request, by name; calls of the worker are left out."""
    operations: list[str] = []

    def record(**event: Any) -> None:
        if not threading.current_thread().name.startswith("source"):
            operations.append(event["event_name"].rpartition(".")[2])

    session = aws_clients.session()
    session.register("before-send", record)
    yield operations
    session.unregister("before-send", record)


@pytest.fixture
def receiver(stage: Stage, aws_calls: list[str]) -> Receiver:
    """Two installed portals: that of the stage, and that of the stack, which gets an application token, too."""
    stage.install()
    stage.dynamodb.update_item(
        TableName="PortalTable",
        Key={"pk": {"S": f"PORTAL#{stage.service.member_id}"}, "sk": {"S": "RECORD"}},
        UpdateExpression="SET application_tokens = :tokens",
        ExpressionAttributeValues={":tokens": {"SS": [hashed(OTHER_TOKEN)]}},
    )
    stage.service.cold_start()  # which makes AWS clients with the hook
    stage.service.mark()
    aws_calls.clear()
    return Receiver(stage, application_token(stage), aws_calls)


def assert_refused_cheaply(receiver: Receiver, changes: Changes, reason: str) -> None:
    with receiver.stage.untouched():
        answer = receiver.send_event(changes)
    assert answer.status == 403, answer
    assert answer.content_type.startswith("application/problem+json")
    assert receiver.aws_calls in ([], ["GetItem"])
    assert receiver.rejected() == {reason: 1}
    assert TEXT not in receiver.stage.service.output()


def test_genuine_event_is_verified_by_one_read_and_queued(receiver: Receiver) -> None:
    answer = receiver.send_event()
    assert (answer.status, answer.body) == (200, '{"status":"success"}')
    assert receiver.aws_calls == ["GetItem", "SendMessage"]
    assert receiver.rejected() == {}


def test_each_forged_event_is_refused_after_one_read_at_most(receiver: Receiver) -> None:
    for changes, reason in FORGERIES.values():
        forget_all(receiver)
        forged = {name: DERIVED[sent](receiver.token) if sent in DERIVED else sent for name, sent in changes.items()}
        assert_refused_cheaply(receiver, forged, reason)


def test_event_with_the_token_of_another_portal_is_refused(receiver: Receiver) -> None:
    assert_refused_cheaply(receiver, {"auth[application_token]": OTHER_TOKEN}, "wrong_token")


def test_event_with_the_member_id_of_another_portal_is_refused(receiver: Receiver) -> None:
    theirs = {"auth[member_id]": receiver.stage.service.member_id}
    assert_refused_cheaply(receiver, theirs, "wrong_token")


def test_event_with_the_token_of_a_former_installation_is_refused(receiver: Receiver) -> None:
    former = receiver.token
    installed_anew(receiver)
    assert former != receiver.token
    assert_refused_cheaply(receiver, {"auth[application_token]": former}, "wrong_token")


def test_former_token_is_refused_by_the_process_that_has_just_accepted_it(receiver: Receiver) -> None:
    former = receiver.token
    assert receiver.send_event().status == 200
    receiver.stage.tell("/uninstall", {"client_id": receiver.stage.card.client_id, "send": False})
    receiver.stage.install()
    receiver.token = application_token(receiver.stage)
    assert receiver.send_event().status == 200  # the new token is accepted at once
    assert receiver.send_event({"auth[application_token]": former}).status == 403


def test_event_of_an_uninstalled_portal_is_refused(receiver: Receiver) -> None:
    assert receiver.stage.tell("/uninstall", {"client_id": receiver.stage.card.client_id})["status"] == 200
    forget_all(receiver)
    assert_refused_cheaply(receiver, {}, "not_installed")


def test_flood_of_events_of_an_unknown_portal_costs_one_read(receiver: Receiver) -> None:
    unknown = {"auth[member_id]": "0" * 32}
    assert {receiver.send_event(unknown).status for _ in range(20)} == {403}
    assert receiver.aws_calls == ["GetItem"]
    assert receiver.rejected() == {"unknown_portal": 20}


@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"])
def test_installation_events_are_accepted_only_at_the_install_address(receiver: Receiver, name: str) -> None:
    with receiver.stage.untouched():
        answer = receiver.send_event({"event": name})
    assert answer.status == 200
    assert (receiver.aws_calls, receiver.rejected()) == ([], {"wrong_address": 1})
    assert receiver.stage.state == "active"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [(b"", 400, "malformed"), (b"a[b=1", 400, "malformed"), (b"[" * 1_048_577, 413, "too_large")],
)
def test_malformed_body_is_refused_without_a_read(receiver: Receiver, body: bytes, status: int, reason: str) -> None:
    with receiver.stage.untouched():
        answer = receiver.stage.request("POST", EVENTS, body)
    assert answer.status == status
    assert (receiver.aws_calls, receiver.rejected()) == ([], {reason: 1})


def installed_anew(receiver: Receiver) -> None:
    """The portal removes the application without an event, and installs it again."""
    receiver.stage.tell("/uninstall", {"client_id": receiver.stage.card.client_id, "send": False})
    receiver.stage.install()
    receiver.token = application_token(receiver.stage)
    forget_all(receiver)


def forget_all(receiver: Receiver) -> None:
    """Another process: nothing is in its memory, and nothing is logged or called yet."""
    receiver.stage.service.cold_start()
    receiver.stage.service.mark()
    receiver.aws_calls.clear()
