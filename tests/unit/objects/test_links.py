"""Links that callers send: to an object of the portal, to a chat, to another portal, and to nothing that is known."""

import pytest

from chat_lookup.errors import ChatLookupError, InvalidRequest, LinkNotUnderstood, LinkOfAnotherPortal
from chat_lookup.objects.links import object_linked

HOSTS = {"acme.bitrix24.com", "old.bitrix24.com", "127.0.0.1:3010"}
OURS = "https://acme.bitrix24.com"


@pytest.mark.parametrize(
    ("link", "pair"),
    [
        (f"{OURS}/crm/deal/details/1663/", "CRM DEAL|1663"),
        (f"{OURS}/crm/lead/show/13/?IFRAME=Y#tab", "CRM LEAD|13"),
        (f"{OURS}/crm/contact/edit/0042/", "CRM CONTACT|42"),
        (f"{OURS}/extranet/crm/company/details/7/", "CRM COMPANY|7"),
        (f"{OURS}/page/x/type/128/details/5/", "CRM DYNAMIC_128|5"),
        (f"{OURS}/crm/type/2/details/5/", "CRM DEAL|5"),
        (f"{OURS}/crm/type/7/details/5/", "CRM QUOTE|5"),
        (f"  {OURS}/crm/deal/details/1663/\r\n", "CRM DEAL|1663"),
        (f"{OURS}/company/personal/user/1/tasks/task/view/8293/", "TASK 8293"),
        (f"{OURS}/workgroups/group/133/tasks/task/view/8293/", "TASK 8293"),
        (f"{OURS}/spaces/group/133/", "SONET_GROUP 133"),
        ("HTTPS://ACME.bitrix24.com:443/crm/deal/details/1663/", "CRM DEAL|1663"),
        ("acme.bitrix24.com/crm/deal/details/1663", "CRM DEAL|1663"),
        ("//acme.bitrix24.com/crm/deal/details/1663", "CRM DEAL|1663"),
        ("/crm/deal/details/1663/", "CRM DEAL|1663"),
        ("https://old.bitrix24.com/crm/deal/details/1663/", "CRM DEAL|1663"),
        ("http://127.0.0.1:3010/crm/deal/details/1663/", "CRM DEAL|1663"),
    ],
)
def test_link_to_an_object_names_its_pair(link: str, pair: str) -> None:
    found = object_linked(link, HOSTS)
    assert f"{found.entity_type} {found.entity_id}" == pair


@pytest.mark.parametrize(
    ("link", "error"),
    [
        ("https://other.bitrix24.com/crm/deal/details/1663/", LinkOfAnotherPortal),
        ("https://acme.bitrix24.com@evil.example/crm/deal/details/1663/", LinkOfAnotherPortal),
        ("https://acme.bitrix24.com.evil.example/crm/deal/details/1663/", LinkOfAnotherPortal),
        ("http://127.0.0.1:3011/crm/deal/details/1663/", LinkOfAnotherPortal),
        ("https://other.bitrix24.com/online/?IM_DIALOG=chat1437", LinkOfAnotherPortal),
        (f"{OURS}/online/?IM_DIALOG=chat1437", InvalidRequest),
        (f"{OURS}/", LinkNotUnderstood),
        (f"{OURS}/crm/deal/details/0/", LinkNotUnderstood),
        (f"{OURS}/crm/deal/details/x/", LinkNotUnderstood),
        (f"{OURS}/crm/deal/list/", LinkNotUnderstood),
        (f"{OURS}/\u017fpaces/group/5/", LinkNotUnderstood),
        (f"{OURS}/?next=/crm/deal/details/5/", LinkNotUnderstood),
        ("https://other.bitrix24.com/news/", LinkNotUnderstood),
        ("deal 1663", LinkNotUnderstood),
        ("", LinkNotUnderstood),
        ("/" * 16_000, LinkNotUnderstood),
        ("/type/" * 2_000, LinkNotUnderstood),
    ],
)
def test_other_link_is_refused_without_being_quoted(link: str, error: type[ChatLookupError]) -> None:
    with pytest.raises(error) as raised:
        object_linked(link, HOSTS)
    assert type(raised.value) is error
    assert "evil" not in str(raised.value)


def test_link_to_a_chat_has_the_hint_where_to_ask() -> None:
    with pytest.raises(InvalidRequest) as raised:
        object_linked(f"{OURS}/online/?IM_DIALOG=chat1437", HOSTS)
    assert raised.value.hint is not None
    assert "GET /v1/chats/1437" in raised.value.hint
