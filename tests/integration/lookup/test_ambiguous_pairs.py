"""Pairs that several chats have, and portals that ignore letter case: nothing in the portal's answer shows either
(bitrix24.md 1.1), so the service keeps to one answer while it is fresh, and to the letter of the pair."""

from tests.support.reply_checks import found
from tests.support.service import Service

PAIR = ("ORDER", "one of three")


def test_of_several_chats_one_is_kept_until_the_portal_is_asked_again(service: Service) -> None:
    pair = {"entity_type": PAIR[0], "entity_id": PAIR[1]}
    chats = {service.control("/chats", pair)["chat_id"] for _ in range(3)}
    service.control("/shape", {"same_pair": "any"})

    first = found(service.look_up(*PAIR))["chat_id"]
    kept = {found(service.look_up(*PAIR))["chat_id"] for _ in range(3)}
    asked = {found(service.look_up(*PAIR, fresh="true"))["chat_id"] for _ in range(3)}

    assert kept == {first}
    assert asked == chats


def test_pair_in_another_case_is_another_question(service: Service) -> None:
    service.control("/shape", {"pair_case": "ignored"})
    found(service.look_up("CRM", "DEAL|1663"))

    other = found(service.look_up("CRM", "Deal|1663"))

    assert (other["chat_id"], other["source"]) == (1437, "portal")
