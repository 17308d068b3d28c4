"""Which addresses are accepted as an authorisation server's or a portal's: few spellings, all others are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.endpoints import SERVERS, is_server, portal_endpoint, server_in

LOCAL = frozenset({"127.0.0.1:3010", "localhost:3010", "[::1]:3010", "portal.internal:443"})


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("https://oauth.bitrix.info/rest/", "oauth.bitrix.info"),
        ("https://oauth.bitrix24.tech/rest/", "oauth.bitrix24.tech"),
        ("https://oauth.bitrix.info/", "oauth.bitrix.info"),
        ("https://oauth.bitrix.info", "oauth.bitrix.info"),
        ("HTTPS://OAuth.Bitrix.INFO/rest", "oauth.bitrix.info"),
        ("https://127.0.0.1:3010/rest/", "127.0.0.1:3010"),
        ("https://LOCALHOST:3010/rest/", "localhost:3010"),
        ("https://[::1]:3010/rest/", "[::1]:3010"),
        ("https://portal.internal/rest/", "portal.internal"),
    ],
)
def test_known_server_is_recognised_by_its_address(address: str, server: str) -> None:
    assert server_in(address, LOCAL) == server
    assert is_server(server, LOCAL)


# What replaces a host; `{host}` is one that would be accepted alone.
HOSTILE_HOSTS = (
    "user@{host}", "user:password@{host}", "@{host}", "user%40{host}", "evil.example%40{host}",
    "{host}@evil.example", "{host}:443@evil.example", "{host}:3010@evil.example", "{host}#@evil.example",
    "{host}?@evil.example", "{host}\\@evil.example", "{host}\\.evil.example", "evil.example\\@{host}",
    "evil.example#{host}", "evil.example?{host}", "evil.example/{host}", "evil.example;{host}", "{host},evil.example",
    "{host}.", "{host}..", ".{host}", "{host}.:3010", "{host}.:443", "{host}:443", "{host}:8443", "{host}:3010",
    "{host}:80", "{host}:", "{host}:0", "{host}:00443", "{host}:99999", "{host}:-443", "{host}:٣", "{host}:443:443",
    "{host}%2eevil.example", "{host}%00.evil.example", "{host}%23.evil.example", "{host}\x00.evil.example",
    "{host}\t", "{host}\n", "{host}\r\nX-Header: 1", "{host} ", " {host}", "{host}\x0b", "{host}\x85",
    "{host}。evil。example", "{host}／evil.example", "{host}＃evil.example", "{host}\u200b", "\u200b{host}",
    "{host}\u00ad", "\u202e{host}", "[{host}]", "[::ffff:127.0.0.1]", "[::1]", "[::1]:3011", "[::1%25lo]:3010",
    "[0:0:0:0:0:0:0:1]:3010", "[fd00::1]", "127.0.0.1", "127.0.0.1:3011", "127.1", "127.1:3010", "127.0.0.1.:3010",
    "127.00.0.1:3010", "127。0。0。1:3010", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0x1", "0x7f.0xab", "0177.0.0.1",
    "169.254.169.254", "10.0.0.1", "0", "localhost", "localhost:03010", "metadata", "-", "..", "", "*", "*.{host}",
)  # fmt: skip


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_hostile_host_is_refused_as_a_server_and_as_a_portal(host: str) -> None:
    assert server_in(f"https://{host.replace('{host}', 'oauth.bitrix.info')}/rest/", LOCAL) is None
    assert portal_endpoint(f"https://{host.replace('{host}', 'acme.bitrix24.com')}/rest/", LOCAL) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "oauth.bitrix.info.evil.example",
        "evil-oauth.bitrix.info",
        "evil.oauth.bitrix.info",
        "bitrix.info",
        "oauth.bitrix24.info",
        "oauth.bitrix.inf0",
        "oauth.bitrlx.info",
        "oauth-bitrix.info",
        "xn--oauth-bitrix-info.example",
        "oauth.b\u0456trix.info",
        "oauth.bitri\u0445.info",
        "oauth.bitrix.\u0131nfo",
        "oauth.bitrix.in\u017fo",
        "oauth.bitrix24.tec\u210e",
        "oauth.\uff42itrix.info",
    ],
)
def test_look_alike_host_is_refused_as_a_server(host: str) -> None:
    assert server_in(f"https://{host}/rest/", LOCAL) is None


@pytest.mark.parametrize(
    "scheme",
    ["http://", "//", "", "ftp://", "https:", "https:/", "https:///", "http\u017f://", " https://", "x:https://"],
)
def test_only_https_is_accepted(scheme: str) -> None:
    assert server_in(f"{scheme}oauth.bitrix.info/rest/", LOCAL) is None
    assert portal_endpoint(f"{scheme}acme.bitrix24.com/rest/", LOCAL) is None


@pytest.mark.parametrize(
    "path",
    [
        "/rest/../oauth/", "/rest//", "//rest/", "/REST/", "/rest/x", "/rest/?a=1", "/rest/#", "/rest/\n",
        "/rest/1/code/", "/x/rest/", ";/rest/", "/rest;/", "/rest%2f", "/%72est/", "\\rest/",
    ],
)  # fmt: skip
def test_any_other_path_is_refused(path: str) -> None:
    assert server_in(f"https://oauth.bitrix.info{path}", LOCAL) is None
    assert portal_endpoint(f"https://acme.bitrix24.com{path}", LOCAL) is None


@pytest.mark.parametrize("path", ["", "/", "/rest", "/rest.php/"])
def test_portals_path_is_exact(path: str) -> None:
    assert portal_endpoint(f"https://acme.bitrix24.com{path}", LOCAL) is None


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("https://acme.bitrix24.com/rest/", "https://acme.bitrix24.com/rest/"),
        ("https://ACME.Bitrix24.com/rest/", "https://acme.bitrix24.com/rest/"),
        ("https://b24-1x2y3z.bitrix24.eu/rest/", "https://b24-1x2y3z.bitrix24.eu/rest/"),
        ("https://24.crm.example/rest/", "https://24.crm.example/rest/"),
        ("https://xn--e1afmkfd.xn--p1ai/rest/", "https://xn--e1afmkfd.xn--p1ai/rest/"),
        ("https://127.0.0.1:3010/rest/", "https://127.0.0.1:3010/rest/"),
        ("https://LocalHost:3010/rest/", "https://localhost:3010/rest/"),
        ("https://[::1]:3010/rest/", "https://[::1]:3010/rest/"),
    ],
)
def test_portals_address_is_kept_with_its_host_in_lower_case(address: str, endpoint: str) -> None:
    assert portal_endpoint(address, LOCAL) == endpoint


@pytest.mark.parametrize(
    "host",
    [
        "acme",
        "acme.bitrix24.c",
        "acme.bitrix24.c0m",
        "acme..bitrix24.com",
        "-acme.bitrix24.com",
        "acme-.bitrix24.com",
        "ac_me.bitrix24.com",
        "ac me.bitrix24.com",
        "пример.рф",
        "acme.bitrix24.рф",
        "acm\u0435.bitrix24.com",
        "acme.bitrix24.com,evil.example",
        "xn--",
        "acme.xn--",
        f"{'a' * 64}.bitrix24.com",
        f"{'a.' * 126}com",
    ],
)
def test_irregular_host_name_is_refused_as_a_portal(host: str) -> None:
    assert portal_endpoint(f"https://{host}/rest/", LOCAL) is None


@pytest.mark.parametrize("address", ["https://127.0.0.1:3010/rest/", "https://localhost:3010/rest/"])
def test_without_local_hosts_no_address_of_this_machine_passes(address: str) -> None:
    assert server_in(address, frozenset()) is None
    assert portal_endpoint(address, frozenset()) is None


@given(st.text(max_size=60) | st.from_regex(r"https://[a-z0-9.:@\[\]-]{0,30}(/rest)?/?", fullmatch=True))
def test_accepted_address_is_on_the_list_or_a_plain_address(address: str) -> None:
    assert server_in(address, frozenset()) in {None, *SERVERS}
    endpoint = portal_endpoint(address, frozenset())
    assert endpoint is None or (endpoint == address.lower() and not set(endpoint[8:]) & set("@:?#[]\\"))
