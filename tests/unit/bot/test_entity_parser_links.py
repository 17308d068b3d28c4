"""A pasted link of the portal is read as the object that it shows; one of another host never is."""

import itertools
from collections.abc import Collection

import pytest

from chat_lookup.bot.entity_parser import objects_in
from chat_lookup.entity import EntityRef

HOST = "acme.bitrix24.com"
FORMER = "oldname.bitrix24.de"

DEAL = ("CRM", "DEAL|1663")


def entity_in(text: str, hosts: Collection[str]) -> EntityRef | None:
    """The first pair of a text."""
    return next(iter(objects_in(text, hosts).pairs), None)


def read(text: str) -> tuple[str, str] | None:
    ref = entity_in(text, (HOST, FORMER))
    return None if ref is None else (ref.entity_type, ref.entity_id)


LINKS = [
    ("/crm/deal/details/1663/", DEAL),
    ("/crm/deal/details/1663", DEAL),
    ("/crm/deal/show/1663/", DEAL),
    ("/crm/deal/edit/1663/", DEAL),
    ("/CRM/Deal/Details/1663/", DEAL),
    ("/crm/lead/details/13/", ("CRM", "LEAD|13")),
    ("/crm/lead/show/13/", ("CRM", "LEAD|13")),
    ("/crm/contact/details/25/", ("CRM", "CONTACT|25")),
    ("/crm/contact/show/25/", ("CRM", "CONTACT|25")),
    ("/crm/company/details/7/", ("CRM", "COMPANY|7")),
    ("/crm/company/show/7/", ("CRM", "COMPANY|7")),
    ("/crm/type/1/details/13/", ("CRM", "LEAD|13")),
    ("/crm/type/2/details/1663/", DEAL),
    ("/crm/type/3/details/25/", ("CRM", "CONTACT|25")),
    ("/crm/type/4/details/7/", ("CRM", "COMPANY|7")),
    ("/crm/type/31/details/9/", ("CRM", "DYNAMIC_31|9")),
    ("/crm/type/177/details/5/", ("CRM", "DYNAMIC_177|5")),
    ("/page/sales/contracts/type/177/details/5/", ("CRM", "DYNAMIC_177|5")),
    ("/page/otdel_vnedreniya/torgovye_tochki/type/1070/details/18306/", ("CRM", "DYNAMIC_1070|18306")),
    ("/company/personal/user/27/tasks/task/view/8293/", ("TASK", "8293")),
    ("/company/personal/user/0/tasks/task/view/8293/", ("TASK", "8293")),
    ("/company/personal/user/27/tasks/task/edit/8293/", ("TASK", "8293")),
    ("/extranet/contacts/personal/user/61/tasks/task/view/8293/", ("TASK", "8293")),
    ("/workgroups/group/133/tasks/task/view/8293/", ("TASK", "8293")),
    ("/spaces/group/133/tasks/task/view/8293/", ("TASK", "8293")),
    ("/workgroups/group/133/", ("SONET_GROUP", "133")),
    ("/workgroups/group/133/tasks/", ("SONET_GROUP", "133")),
    ("/spaces/group/133/", ("SONET_GROUP", "133")),
    ("/extranet/workgroups/group/133/", ("SONET_GROUP", "133")),
]
"""Every form of bitrix24.md 9, row 23, and further forms that portals use."""

TAILS = [
    "",
    "?IFRAME=Y&IFRAME_TYPE=SIDE_SLIDER",
    "?back=https://other.bitrix24.com/crm/deal/details/5/",
    "#timeline",
    "?a=1#com42",
]
SETTINGS = [
    "{}",
    "see {} please",
    "see {}.",
    "({})",
    "<{}>",
    '"{}"',
    "«{}»",
    "{}, thanks",
    "[URL]{}[/URL]",
    "[URL={}]the contract of deal 5[/URL]",
    "[url={}]{}[/url]",
    "first {} then deal 5",
    "1663 → {}",
]


@pytest.mark.parametrize(("path", "expected"), LINKS)
def test_link_of_the_portal_is_read_with_any_tail_in_any_setting(path: str, expected: tuple[str, str]) -> None:
    starts = (f"https://{HOST}", f"http://{HOST}", HOST, f"https://{HOST}:443", f"HTTPS://{HOST.upper()}")
    for start, tail in itertools.product(starts, TAILS):
        for setting in SETTINGS:
            text = setting.replace("{}", start + path + tail)
            assert read(text) == expected, text


def test_link_of_the_former_address_is_read_as_one_of_the_portal() -> None:
    assert [read(f"https://{FORMER}{path}") for path, _ in LINKS] == [expected for _, expected in LINKS]


@pytest.mark.parametrize(
    "start",
    [
        "https://other.bitrix24.com",
        "other.bitrix24.com",
        "https://bitrix24.com",
        "https://eu.acme.bitrix24.com",
        "https://acme.bitrix24.com.evil.example",
        "https://acme.bitrix24.com@evil.example",
        "https://evil.example/acme.bitrix24.com",
        "https://evil.example/?to=https://acme.bitrix24.com",
        "https://someone@acme.bitrix24.com",
        "https://acme.bitrix24.com:8443",
        "acme.bitrix24.com:8443",
        "ftp://acme.bitrix24.com",
    ],
)
def test_link_of_another_host_is_never_read(start: str) -> None:
    for path, _ in LINKS:
        for setting in ("{}", "see {} please", "[URL]{}[/URL]", "[URL={}]deal 7[/URL]", "[URL={}]" + HOST + path):
            text = setting.replace("{}", start + path)
            assert read(text) is None, text


def test_text_inside_a_link_of_another_host_is_not_read() -> None:
    assert read("https://shop.example/deal-1663") is None
    assert read("shop.example/offers/deal-1663") is None
    assert read("ftp://files.example/deal-1663") is None


def test_text_next_to_a_link_of_another_host_is_read() -> None:
    assert read("https://other.bitrix24.com/crm/deal/details/5/ is our task 8293") == ("TASK", "8293")
    assert read("[URL=https://other.bitrix24.com/crm/deal/details/5/]deal 5[/URL] and deal 1663") == DEAL


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/crm/deal/",
        "/crm/deal/list/",
        "/crm/deal/kanban/category/5/",
        "/crm/deal/details/0/",
        "/crm/deal/details/1663x/",
        "/crm/deal/details/1234567890123456789/",
        "/crm/quote/details/5/",
        "/crm/type/0/details/5/",
        "/crm/type/177/list/category/5/",
        "/company/personal/user/27/",
        "/company/personal/user/27/tasks/",
        "/company/personal/user/27/tasks/task/edit/0/",
        "/company/personal/user/27/tasks/templates/template/view/5/",
        "/online/?IM_DIALOG=chat1437",
        "/?path=/crm/deal/details/5/",
        "/#/crm/deal/details/5/",
    ],
)
def test_link_to_another_page_of_the_portal_names_no_entity(path: str) -> None:
    assert read(f"https://{HOST}{path}") is None


def test_port_is_part_of_the_address() -> None:
    path = "/crm/deal/details/1663/"
    assert entity_in(f"https://127.0.0.1:3010{path}", {"127.0.0.1:3010"}) == EntityRef(*DEAL)
    assert entity_in(f"127.0.0.1:3010{path}", {"127.0.0.1:3010"}) == EntityRef(*DEAL)
    assert entity_in(f"https://127.0.0.1:3011{path}", {"127.0.0.1:3010"}) is None
    assert entity_in(f"https://127.0.0.1{path}", {"127.0.0.1:3010"}) is None


@pytest.mark.parametrize("host", ["портал.рф", "xn--80awhdgm.xn--p1ai", "ПОРТАЛ.РФ"])
@pytest.mark.parametrize("link", ["портал.рф", "xn--80awhdgm.xn--p1ai"])
def test_host_is_compared_in_both_of_its_spellings(host: str, link: str) -> None:
    assert entity_in(f"https://{link}/crm/deal/details/1663/", {host}) == EntityRef(*DEAL)


def test_link_without_a_host_as_written_by_the_portal_is_read() -> None:
    assert read("[URL=/crm/deal/details/1663/]the contract[/URL]") == DEAL
    assert read("[URL=//other.bitrix24.com/crm/deal/details/1663/]the contract[/URL]") is None
