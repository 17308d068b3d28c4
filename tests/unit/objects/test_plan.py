"""What the replies to the questions about one object mean, whichever of them are missing."""

import itertools
from collections.abc import Mapping

from chat_lookup.bitrix24.crm_results import CrmRelatives, LineChat
from chat_lookup.errors import ChatLookupError, ChatNotAccessible, ChatNotFound, PortalBusy
from chat_lookup.lookup.model import ChatReply
from chat_lookup.objects.model import PartState
from chat_lookup.objects.plan import ACTIVE, ALL, ITSELF, ListReply, NoReply, reading_of
from tests.support.portals.crm_content import named

DEAL = named("DEAL|7")
PAIR = "CRM DEAL|7"
FAILED, REFUSED = PortalBusy(), ChatNotAccessible()
LINE = LineChat(1763, "telegrambot", "Telegram")
DISCUSSION: Mapping[str, ListReply | ChatLookupError] = {
    "found": ChatReply(1437, "im.chat.get"), "none": ChatReply(None, "im.chat.get"), "gone": ChatNotFound(),
    "refused": REFUSED, "failed": FAILED,
}  # fmt: skip
LINES: Mapping[str, ListReply | ChatLookupError] = {
    "found": (LINE,), "none": (), "not_granted": NoReply.LACKING, "refused": REFUSED, "failed": FAILED,
}  # fmt: skip
ITEM: Mapping[str, ListReply | ChatLookupError] = {
    "found": CrmRelatives((42,), (9, 8)), "not_granted": NoReply.LACKING, "missing": NoReply.MISSING,
    "refused": REFUSED, "failed": FAILED,
}  # fmt: skip
SHOWN = {"failed": "refused", "gone": "none"}


def test_list_is_complete_only_where_nothing_failed_and_something_is_known() -> None:
    for discussion, everything, active, item in itertools.product(DISCUSSION, LINES, LINES, ITEM):
        replies = {PAIR: DISCUSSION[discussion], ALL: LINES[everything], ACTIVE: LINES[active], ITSELF: ITEM[item]}
        reading, lines = reading_of(DEAL, replies, 100.0), {everything, active}
        listed = reading.list
        assert listed.missing == (item == "missing")
        assert listed.discussion.value == SHOWN.get(discussion, discussion)
        refused, lacking = lines & {"refused", "failed"}, "not_granted" in lines
        found = "found" if "found" in lines else "none"
        assert listed.open_lines.value == ("refused" if refused else "not_granted" if lacking else found)
        assert bool(listed.lines) == (listed.open_lines is PartState.FOUND)
        answered = listed.missing or not {listed.discussion.value, listed.open_lines.value}.isdisjoint(
            {"found", "none"}
        )
        failed = not listed.missing and "failed" in {discussion, item, *lines}
        assert (reading.answered, reading.failure is not None) == (answered, failed)
        assert reading.complete == (answered and not failed)
        assert reading.refusal is not None or answered


def test_line_that_began_between_the_two_replies_is_the_newest() -> None:
    newer = LineChat(1800, "livechat", "Live Chat")
    replies: dict[str, ListReply | ChatLookupError] = {PAIR: ChatReply(None, ""), ALL: (LINE,), ACTIVE: (newer, LINE)}
    listed = reading_of(DEAL, replies, 100.0).list
    assert [(each.chat_id, each.active) for each in listed.lines] == [(1800, True), (1763, True)]


def test_object_is_no_relative_of_itself() -> None:
    replies: dict[str, ListReply | ChatLookupError] = {
        "CRM CONTACT|42": ChatReply(None, ""), ALL: (), ACTIVE: (), ITSELF: CrmRelatives((42, 43), ()),
    }  # fmt: skip
    listed = reading_of(named("CONTACT|42"), replies, 100.0).list
    assert (listed.contacts, listed.item) == ((43,), PartState.FOUND)
