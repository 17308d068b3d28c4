"""A bot that a webhook registered: its events have an application token of their own, which the operator gives the
service with the webhook (bitrix24.md 5.3)."""

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.support.reply_checks import found
from tests.support.service import Service

EVENTS = "/bitrix24/events"


@pytest.fixture
def bot(service: Service) -> Iterator[dict[str, Any]]:
    """A bot of the portal's webhook with its handler at the service, which does not know it yet."""
    made = service.control("/bots", {"name": "Chat Lookup", "webhook_url": service.api_url + EVENTS})
    yield made
    called(service, "imbot.v2.Bot.unregister", botId=made["bot_id"], botToken=made["bot_token"])
    service.portal.settle()


def called(service: Service, method: str, **params: object) -> Any:
    """The result of a call by the portal's webhook."""
    with urllib3.PoolManager(ca_certs=str(service.portal.ca_file)) as http:
        answer = http.request("POST", service.portal.webhook_url + method, json=params)
    assert answer.status == 200, answer.data
    return answer.json()["result"]


def introduced(service: Service, bot: dict[str, Any]) -> None:
    """The operator adds the webhook with its bot."""
    service.admin(
        "portal.add_webhook",
        webhook_url=service.portal.webhook_url,
        member_id=service.member_id,
        bot_id=bot["bot_id"],
        bot_token=bot["bot_token"],
        application_token=bot["application_token"],
    )


def asked(service: Service, bot: dict[str, Any], text: str = "chat of deal 1663") -> list[int]:
    """A user writes to the bot; the statuses that the service answered its events with."""
    sent = service.control("/say", {"text": text, "bot_id": bot["bot_id"]})["sent"]
    service.settle()
    return [each["status"] for each in sent]


def answers(service: Service, bot: dict[str, Any]) -> list[str]:
    return [each["text"] for each in service.control("/messages") if each["author_id"] == bot["bot_id"]]


def test_bot_of_a_webhook_answers_in_its_name(service: Service, bot: dict[str, Any]) -> None:
    introduced(service, bot)
    assert asked(service, bot) == [200]
    [answer] = answers(service, bot)
    assert "1437" in answer


def test_event_in_a_chat_teaches_its_pair(service: Service, bot: dict[str, Any]) -> None:
    introduced(service, bot)
    pair = {"ENTITY_TYPE": "ORDER", "ENTITY_ID": "by webhook"}
    chat_id = called(service, "im.chat.add", USERS=[bot["bot_id"]], **pair)
    service.portal.settle()
    service.settle()
    assert found(service.look_up("ORDER", "by webhook"))["source"] == "event"
    assert found(service.look_up("ORDER", "by webhook"))["chat_id"] == chat_id


def test_events_are_refused_before_the_token_is_known_and_after_it_was_replaced(
    service: Service, bot: dict[str, Any]
) -> None:
    assert asked(service, bot) == [403]
    introduced(service, bot)
    assert asked(service, bot) == [200]
    rotation = {"botId": bot["bot_id"], "botToken": bot["bot_token"], "fields": {"botToken": "another-bot-token"}}
    called(service, "imbot.v2.Bot.update", **rotation)
    bot["bot_token"], bot["application_token"] = "another-bot-token", "customanother-bot-token"
    assert asked(service, bot) == [403]
    introduced(service, bot)
    assert asked(service, bot) == [200]
    assert len(answers(service, bot)) == 2
