"""Which portal an event names, and what is read of unknown events."""

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.decoder import decode
from chat_lookup.events.model import BotEvent, EventUser
from tests.support.events.wire_events import (
    APPLICATION_TOKEN,
    DOMAIN,
    MEMBER_ID,
    NAMES,
    Tree,
    arrived,
    encoded,
    event,
    sample,
)
from tests.support.portals.first_contact import FORM_TYPE

ADD, COMMAND, ADD_V2 = "v1-message-add-group", "v1-command", "v2-message-add"
ELSEWHERE: Tree = {"member_id": "elsewhere", "domain": "elsewhere.bitrix24.com", "application_token": "t0ken-elsewhere"}


@pytest.mark.parametrize(
    ("name", "block"),
    [(ADD, "data.BOT"), (COMMAND, "data.COMMAND"), (ADD_V2, "data.bot.auth")],
)
def test_portal_is_read_from_a_bots_block_only_if_the_top_level_names_none(name: str, block: str) -> None:
    inside: Tree = ELSEWHERE if name == ADD_V2 else {"7": ELSEWHERE}
    contradicting = arrived(name, {block: inside})
    assert (contradicting.member_id, contradicting.domain) == (MEMBER_ID, DOMAIN)

    nested = arrived(name, {block: inside, "auth": {"application_token": APPLICATION_TOKEN}})
    assert (nested.member_id, nested.domain) == ("elsewhere", "elsewhere.bitrix24.com")
    assert nested.application_token == APPLICATION_TOKEN


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("auth", [None, "", {"member_id": MEMBER_ID}, {"application_token": ""}])
def test_nested_application_token_is_ignored(name: str, auth: object) -> None:
    assert arrived(name, {"auth": auth}).application_token == ""


def test_event_of_version_2_may_contain_only_domain_and_token() -> None:
    least = {"auth": {"domain": DOMAIN, "application_token": APPLICATION_TOKEN}}
    bare = arrived(ADD_V2, least | {"data.bot.auth": None})
    assert (bare.member_id, bare.domain, bare.application_token) == ("", DOMAIN, APPLICATION_TOKEN)
    assert arrived(ADD_V2, least).member_id == MEMBER_ID


@pytest.mark.parametrize(
    ("auth", "domain"),
    [
        ({"domain": "ACME.Bitrix24.com"}, DOMAIN),
        ({"domain": f"{DOMAIN}:443"}, DOMAIN),
        ({"domain": "127.0.0.1:3010"}, "127.0.0.1:3010"),
        ({"client_endpoint": "https://ACME.bitrix24.com/rest/"}, DOMAIN),
        ({"client_endpoint": "https://127.0.0.1:3010/rest/"}, "127.0.0.1:3010"),
        ({"domain": "", "client_endpoint": "https://acme.bitrix24.com/rest/"}, DOMAIN),
        ({"domain": "https://acme.bitrix24.com"}, ""),
        ({"domain": "acme.bitrix24.com/rest"}, ""),
        ({"domain": "аcme.bitrix24.com"}, ""),
        ({"domain": "a" * 300}, ""),
        ({"client_endpoint": "https://acme.bitrix24.com@evil.example/"}, ""),
        ({"client_endpoint": "acme.bitrix24.com"}, ""),
        ({"domain": {"0": DOMAIN}}, ""),
    ],
)
def test_domain_that_is_not_a_host_is_ignored(auth: Tree, domain: str) -> None:
    assert arrived(ADD_V2, {"auth": auth, "data.bot.auth": None}).domain == domain


@pytest.mark.parametrize("member_id", ["", "a b", "a/b", "ä", "m" * 65, {"0": MEMBER_ID}])
def test_invalid_member_id_is_ignored(member_id: object) -> None:
    assert arrived(ADD_V2, {"auth.member_id": member_id, "data.bot.auth": None}).member_id == ""


def test_application_token_is_hidden_in_the_repr() -> None:
    assert APPLICATION_TOKEN not in repr(arrived(ADD))


UNKNOWN: Tree = {
    "event": "onCrmDealAdd",
    "data": {"FIELDS": {"ID": "1663", "auth": {"access_token": "at-nested"}}, "NOTE": "see at-user-27 and at-nested"},
    "ts": "1771940028",
    "auth": sample(ADD)["auth"],
}


def test_unknown_event_keeps_its_data_without_tokens() -> None:
    came = decode(encoded(UNKNOWN), FORM_TYPE)
    assert came.event == BotEvent(
        "ONCRMDEALADD",
        EventKind.OTHER,
        user=EventUser(27),
        sent_at=1771940028,
        data={"FIELDS": {"ID": "1663"}, "NOTE": "see *** and ***"},
    )
    assert (came.member_id, came.domain, came.application_token) == (MEMBER_ID, DOMAIN, APPLICATION_TOKEN)


@pytest.mark.parametrize(
    ("name", "unknown", "api"),
    [(ADD, "ONIMBOTNEWSADD", "v1"), (COMMAND, "ONIMCOMMANDNEWS", "v1"), (ADD_V2, "ONIMBOTV2NEWS", "v2")],
)
def test_unknown_bot_event_is_read_like_a_known_one(name: str, unknown: str, api: str) -> None:
    decoded, known = event(name, {"event": unknown}), event(name)
    assert (decoded.kind, decoded.api, decoded.name) == (EventKind.OTHER, api, unknown)
    assert (decoded.chat, decoded.message, decoded.bot_ids, decoded.user) == (
        known.chat,
        known.message,
        known.bot_ids,
        known.user,
    )
    assert decoded.data
    assert not known.data


@pytest.mark.parametrize(
    "body",
    ["", "data[x]=1", "event=", "event[]=ONIMBOTMESSAGEADD", "event=ON+IM", "event=ON-IM", "event=%D0%9E%D0%9D",
     "event=ON%C4%B1MBOTDELETE", "event=" + "X" * 101, "event=ONX%0A"],
)  # fmt: skip
def test_body_without_a_valid_event_name_is_no_event(body: str) -> None:
    came = decode(body.encode(), FORM_TYPE)
    assert (came.name, came.fault) == ("", "it names no event")


def test_the_case_of_an_events_name_does_not_matter() -> None:
    assert event(ADD, {"event": "OnImBotMessageAdd"}) == event(ADD)
