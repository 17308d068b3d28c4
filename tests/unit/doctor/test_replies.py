"""Replies of any form are read: what is documented leads to its finding, what is not to a finding of its own."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_lookup.bitrix24.client import Answer, OperatingTime
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.doctor.findings import FindingCode
from chat_lookup.doctor.replies import commands, from_replies
from chat_lookup.portals.portal import Portal
from tests.support.portals.healthy_replies import APPLICATION, HEALTHY, WEBHOOK

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.sampled_from(
        ["ADMIN", "INSTALLED", "STATUS", "DAYS", "PAYMENT_EXPIRED", "event", "handler", "bots", "id", "eventMode"]
    ), inner, max_size=4),
    max_leaves=9,
)  # fmt: skip


def found(portal: Portal, **replies: Any) -> list[tuple[FindingCode, str]]:
    """The findings, with these replies in the place of the healthy ones; an underscore stands for a dot."""
    changed = {name.replace("_", "."): reply for name, reply in replies.items()}
    given = {**HEALTHY, **changed}
    asked = commands(portal)
    outcomes = [
        given[each.method] if isinstance(given[each.method], BitrixError)
        else Answer(given[each.method], OperatingTime(), 0.1)
        for each in asked
    ]  # fmt: skip
    return [(each.code, each.detail) for each in from_replies(portal, asked, outcomes)]


@pytest.mark.parametrize("portal", [APPLICATION, APPLICATION._replace(bot_api="v1"), WEBHOOK])
def test_healthy_replies_have_no_finding(portal: Portal) -> None:
    assert found(portal) == []


def test_webhook_is_asked_for_its_scopes_and_its_bot_only() -> None:
    assert [each.method for each in commands(WEBHOOK)] == ["scope"]
    assert [each.method for each in commands(WEBHOOK._replace(bot_id=7))] == ["scope", "imbot.v2.Bot.list"]


def test_webhook_without_a_bot_needs_no_scope_for_one() -> None:
    scopes = [each for each in HEALTHY["scope"] if each != "imbot"]
    assert found(WEBHOOK, scope=scopes) == []
    with_bot = WEBHOOK._replace(bot_id=456)
    assert [code for code, _ in found(with_bot, scope=scopes)] == [FindingCode.SCOPE_MISSING]


@pytest.mark.parametrize(
    ("status", "expired", "found_codes"),
    [
        ("P", "Y", [FindingCode.PAYMENT_EXPIRED]), ("T", "Y", [FindingCode.PAYMENT_EXPIRED]),
        ("D", "Y", [FindingCode.PAYMENT_EXPIRED]), ("S", "Y", []), ("L", "Y", []), ("F", "Y", []), ("P", "N", []),
    ],
)  # fmt: skip
def test_paid_time_can_run_out_for_bought_applications_only(
    status: str, expired: str, found_codes: list[FindingCode]
) -> None:
    info = {"INSTALLED": True, "STATUS": status, "PAYMENT_EXPIRED": expired, "DAYS": -3}
    assert [code for code, _ in found(APPLICATION, app_info=info)] == found_codes


def test_handler_with_a_secret_in_its_query_is_shown_by_its_host_only() -> None:
    other = {"event": "ONAPPUPDATE", "handler": "https://u:5ecret@old.example.com/x?token=5ecret", "offline": "0"}
    ((code, detail),) = found(APPLICATION, event_get=[*HEALTHY["event.get"], other])
    assert code is FindingCode.EVENTS_ELSEWHERE
    assert "old.example.com" in detail
    assert "5ecret" not in detail


def test_offline_and_foreign_bindings_are_none_of_ours() -> None:
    offline = {"event": "ONAPPUPDATE", "handler": "https://old.example.com", "offline": "1"}
    foreign = {"event": "ONUSERADD", "handler": "https://old.example.com", "offline": 0}
    assert found(APPLICATION, event_get=[*HEALTHY["event.get"], offline, foreign]) == []


def test_refused_call_is_a_finding_with_its_code_and_a_bot_without_a_token_is_none() -> None:
    assert found(APPLICATION, profile=BitrixError("SOME_CODE", 200)) == [
        (FindingCode.NOT_CHECKED, "The portal does not answer profile: SOME_CODE")
    ]
    with_bot = WEBHOOK._replace(bot_id=7)
    refused = {"imbot.v2.Bot.list": BitrixError("BOT_TOKEN_NOT_SPECIFIED", 200)}
    assert found(with_bot, **refused) == []


def test_bindings_that_another_user_may_not_see_are_not_missed() -> None:
    found_codes = [code for code, _ in found(APPLICATION, profile={"ID": "1", "ADMIN": False}, event_get=[])]
    assert found_codes == [FindingCode.OWNER_NOT_ADMINISTRATOR]


def test_empty_list_of_bots_in_each_form_means_that_ours_is_gone() -> None:
    v1 = APPLICATION._replace(bot_api="v1")
    for portal, reply in ((APPLICATION, {"bots": []}), (v1, []), (v1, {})):
        method = commands(portal)[-1].method
        assert [code for code, _ in found(portal, **{method: reply})] == [FindingCode.BOT_NOT_REGISTERED]


@pytest.mark.parametrize("odd", [[], {}, [[]], {"0": "P"}, 7, -1.5, "\x1b[2J", True, None])
def test_field_of_any_form_stops_no_report(odd: object) -> None:
    """Each field that is read, in a reply whose other fields are as documented, has a value of another form."""
    expired = {"INSTALLED": True, "STATUS": "P", "PAYMENT_EXPIRED": "Y", "DAYS": -3}
    binding, bot = HEALTHY["event.get"][0], HEALTHY["imbot.v2.Bot.list"]["bots"][0]
    replies: list[dict[str, Any]] = [
        *({"app.info": {**expired, name: odd}} for name in expired),
        *({"profile": {**HEALTHY["profile"], name: odd}} for name in HEALTHY["profile"]),
        *({"event.get": [{**binding, name: odd}]} for name in binding),
        *({"imbot.v2.Bot.list": {"bots": [{**bot, name: odd}]}} for name in bot),
        {"scope": [odd]},
        {"imbot.bot.list": {"456": {"ID": odd}}},
    ]
    for reply in replies:
        for portal in (APPLICATION, APPLICATION._replace(bot_api="v1"), WEBHOOK._replace(bot_id=456)):
            assert all(detail.isprintable() for _, detail in found(portal, **reply))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(HEALTHY)), ANYTHING))
def test_no_form_of_a_reply_stops_the_report(replies: dict[str, Any]) -> None:
    for portal in (APPLICATION, APPLICATION._replace(bot_api="v1"), WEBHOOK._replace(bot_id=7)):
        for _, detail in found(portal, **replies):
            assert detail.isprintable()
            assert len(detail) < 1_000
