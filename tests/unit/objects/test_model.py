"""Lists as they are stored."""

from chat_lookup.objects.model import ChatList, Line, PartState
from tests.support.portals.crm_content import named

LISTED = ChatList(
    PartState.FOUND, (1437,), PartState.FOUND, (Line(1763, "telegrambot", "Телеграм", active=True),), PartState.FOUND,
    (42, 43), 7, more=True,
)  # fmt: skip


def test_stored_list_is_read_back_unchanged() -> None:
    for listed in (LISTED, ChatList(), ChatList(missing=True)):
        assert ChatList.from_json(listed.to_json()) == listed


def test_relatives_are_the_contacts_and_then_the_company() -> None:
    assert LISTED.relatives == (named("CONTACT|42"), named("CONTACT|43"), named("COMPANY|7"))
    assert ChatList().relatives == ()
