"""No page of another site reaches a server of the local run: neither under a name of its own, nor across sites."""

from typing import Final

import pytest
import urllib3

from local.net.admission import FOREIGN_HOST, FOREIGN_PAGE
from tests.support.service import Service

EVIL: Final = "http://evil.example"
SERVERS: Final = ("API", "API over HTTPS", "portal", "control", "pages", "AWS")
OPEN: Final = ("API", "API over HTTPS", "portal")
"""The servers with paths below /rest/, where a key is the proof."""


def address(service: Service, server: str) -> str:
    stack = service.stack
    return {
        "API": stack.addresses.api_url,
        "API over HTTPS": stack.addresses.api_https_url,
        "portal": service.portal.portal_url,
        "control": service.portal.control_url,
        "pages": service.portal.page_url,
        "AWS": stack.backend.aws.endpoint_url,
    }[server]


def sent(service: Service, server: str, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and body of the answer to a request with these headers, with hyphens for underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib3.PoolManager(retries=False, timeout=30, ca_certs=str(service.portal.ca_file)) as http:
        body = b'{"advance_s":5}' if method == "POST" else None
        answer = http.request(method, address(service, server) + path, headers=named, body=body)
        return answer.status, answer.data.decode()


def is_refused(answer: tuple[int, str], message: str) -> bool:
    return answer[0] == 403 and message in answer[1]


@pytest.mark.parametrize("server", SERVERS)
def test_rebound_name_is_refused(service: Service, server: str) -> None:
    port = address(service, server).rpartition(":")[2]
    for path in ("/", "/rest/1/KEY/scope", "/v1/chats", "/calls", "/_published"):
        assert is_refused(sent(service, server, path, Host=f"evil.example:{port}"), FOREIGN_HOST)
    assert is_refused(sent(service, server, "/clock", "POST", Host="evil.example"), FOREIGN_HOST)


@pytest.mark.parametrize("server", SERVERS)
def test_foreign_page_is_refused(service: Service, server: str) -> None:
    before = service.clock.now()
    for origin in (EVIL, "null", "http://127.0.0.1:1"):
        assert is_refused(sent(service, server, Origin=origin), FOREIGN_PAGE)
        plain = sent(
            service, server, "/clock", "POST", Origin=origin, Content_Type="text/plain", Sec_Fetch_Site="cross-site"
        )
        assert is_refused(plain, FOREIGN_PAGE)
        preflight = sent(service, server, "/v1/chats", "OPTIONS", Origin=origin, Access_Control_Request_Method="POST")
        assert is_refused(preflight, FOREIGN_PAGE)
    assert is_refused(sent(service, server, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"), FOREIGN_PAGE)
    assert service.clock.now() < before + 4


@pytest.mark.parametrize("server", OPEN)
def test_any_page_may_call_below_rest(service: Service, server: str) -> None:
    answer = sent(service, server, "/rest/1/no-such-key/im.chat.get", Origin=EVIL, Sec_Fetch_Site="cross-site")
    assert FOREIGN_PAGE not in answer[1]


@pytest.mark.parametrize("server", SERVERS)
def test_page_of_the_run_itself_is_admitted(service: Service, server: str) -> None:
    for origin in (address(service, "API"), address(service, "portal").replace("127.0.0.1", "localhost")):
        assert FOREIGN_PAGE not in sent(service, server, Origin=origin)[1]


def test_control_takes_names_of_loopback_only(service: Service) -> None:
    port = address(service, "control").rpartition(":")[2]
    assert sent(service, "control", "/calls", Host=f"localhost:{port}")[0] == 200
    assert is_refused(sent(service, "control", "/calls", Host=f"host.docker.internal:{port}"), FOREIGN_HOST)
