"""The portal's content as a whole: a copy of it is what it was, whatever happens afterwards."""

from dataclasses import replace

from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Content
from local.portal.content.crm import CrmKey
from local.portal.content.demo import COMPANY, demo_content
from tests.support.fakes import ManualClock


def described(content: Content) -> dict[str, list[object]]:
    return {
        "users": list(content.users.values()),
        "bots": list(content.bots.values()),
        "chats": list(content.chats.values()),
        "of the company": list(content.all_bound_to("CRM", COMPANY.pair)),
        "sessions": list(content.lines),
        "objects": list(content.crm),
    }


def test_copy_stays_what_it_was_when_users_bots_chats_sessions_and_objects_change() -> None:
    content = demo_content(ManualClock())
    content.add_bot(Bot(content.free_id(), "one", handlers={"ONIMBOTV2MESSAGEADD": "https://bot.example/"}), "One")
    before = described(content)
    copy = content.copy()

    content.put_chat(Chat(content.free_id(), "Office Ltd", 1, frozenset({1, 99}), "CRM", COMPANY.pair))
    content.add_bot(Bot(content.free_id(), "two"), "Two")
    content.remove_chat(1437)
    content.put_session(replace(next(iter(content.lines)), status=60))
    content.crm.remove(CrmKey(2, 1663))

    assert described(copy) == before
    assert all(described(content)[name] != each for name, each in before.items())


def test_id_given_out_before_a_copy_was_put_back_is_not_given_out_again() -> None:
    content = Content()
    copy = content.copy()
    given = [content.free_id(), content.next_number(), content.messages.next_id()]
    again = [copy.free_id(), copy.next_number(), copy.messages.next_id()]
    assert all(new > old for new, old in zip(again, given, strict=True))
