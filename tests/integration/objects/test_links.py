"""Links to pages of the portal: what the API reads of one is what the bot reads of it, and no link is ever called."""

from typing import Final
from urllib.parse import urlencode

import pytest

from tests.support.reply_checks import found, problem
from tests.support.service import Reply, Service

pytestmark = pytest.mark.usefixtures("leaping_clock")

DEAL, LEAD, TASK, GROUP = 1437, 10, 1582, 1103
LINKS: Final = (
    ("https://{domain}/crm/deal/details/1663/", DEAL),
    ("https://{domain}/crm/deal/details/1663/?IFRAME=Y&IFRAME_TYPE=SIDE_SLIDER", DEAL),
    ("https://{domain}/crm/deal/show/1663/#comments", DEAL),
    ("https://{domain}/crm/type/2/details/1663/", DEAL),
    ("https://{domain}/page/sales/pipeline/type/2/details/1663/", DEAL),
    ("{domain}/crm/deal/details/1663", DEAL),
    ("/crm/deal/details/1663/", DEAL),
    ("https://{domain}/crm/lead/show/13/", LEAD),
    ("https://{domain}/crm/lead/edit/13/", LEAD),
    ("https://{domain}/company/personal/user/1/tasks/task/view/8293/", TASK),
    ("https://{domain}/workgroups/group/133/tasks/task/view/8293/", TASK),
    ("https://{domain}/extranet/contacts/personal/user/4/tasks/task/view/8293/", TASK),
    ("https://{domain}/workgroups/group/133/", GROUP),
    ("https://{domain}/spaces/group/133/", GROUP),
)
FOREIGN: Final = ("other.bitrix24.com", "{domain}.evil.example", "{domain}@evil.example", "127.0.0.1:1")


def linked(service: Service, link: str) -> Reply:
    url = link.format(domain=service.portal.domain)
    return service.get("/v1/chats?" + urlencode({"url": url}))


@pytest.mark.parametrize(("link", "chat_id"), LINKS)
def test_link_of_every_form_is_looked_up(service: Service, link: str, chat_id: int) -> None:
    assert found(linked(service, link))["chat_id"] == chat_id


@pytest.mark.parametrize("host", FOREIGN)
def test_link_of_another_portal_is_refused_and_nothing_is_called(service: Service, host: str) -> None:
    body = problem(linked(service, f"https://{host}/crm/deal/details/1663/"), 400, "link-of-another-portal")
    assert "evil" not in str(body)
    assert service.calls() == []


def test_link_to_a_chat_has_the_hint_where_to_ask_which_works(service: Service) -> None:
    body = problem(linked(service, "https://{domain}/online/?IM_DIALOG=chat1437"), 400, "invalid-request")
    assert "GET /v1/chats/1437" in body["hint"]
    assert service.calls() == []
    for name in ("1437", "chat1437"):
        assert found(service.get(f"/v1/chats/{name}"))["entity_id"] == "DEAL|1663"


@pytest.mark.parametrize("link", ["https://{domain}/", "https://{domain}/crm/deal/details/0/", "deal 1663", ""])
def test_link_that_names_nothing_is_not_understood(service: Service, link: str) -> None:
    reply = linked(service, link)
    assert reply.status == 400
    assert reply.json["type"].rpartition(":")[2] in ("link-not-understood", "invalid-request")


@pytest.mark.parametrize("more", ["entity_type=CRM", "entity_id=5", "entity_type=CRM&entity_id=DEAL%7C5"])
def test_link_and_pair_exclude_each_other(service: Service, more: str) -> None:
    url = urlencode({"url": f"https://{service.portal.domain}/crm/deal/details/1663/"})
    detail = problem(service.get(f"/v1/chats?{url}&{more}"), 400, "invalid-request")["detail"]
    assert detail == "url takes the place of entity_type and entity_id"


def test_line_has_its_objects_and_its_operator(service: Service) -> None:
    crm = [{"type": "deal", "id": 640_001}, {"type": "lead", "id": 640_002}]
    line = service.control("/lines", {"connector": "viber", "line": 4, "operator_id": 3, "crm": crm})
    body = found(service.get(f"/v1/chats/{line['chat_id']}"))
    assert sorted((each["type"], each["id"]) for each in body["crm"]) == [("DEAL", 640_001), ("LEAD", 640_002)]
    assert body["open_line"] == {
        "connector": "viber", "line": 4, "session_id": line["session_id"], "operator_id": 3, "active": True,
    }  # fmt: skip


@pytest.mark.parametrize(("status", "operator"), [(0, None), (60, 3)])
def test_line_without_an_operator_or_that_is_closed_is_not_active(
    service: Service, status: int, operator: int | None
) -> None:
    fields = {"connector": "viber", "status": status} | ({"operator_id": operator} if operator else {})
    chat_id = service.control("/lines", fields)["chat_id"]
    body = found(service.get(f"/v1/chats/{chat_id}"))
    assert (body["open_line"]["operator_id"], body["open_line"]["active"]) == (operator, False)
    assert body["crm"] == []
