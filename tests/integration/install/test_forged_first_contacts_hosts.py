"""First contacts that name forbidden hosts: no request goes to them, whichever field of the message names them.

The client trusts the listener's certificate, and the listener accepts everything: if it were called, the forgery would
succeed.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from local.portal.events.http_delivery import Answer
from tests.support.hostile_server import HOSTILE_NAMES, MEMBER_ID, hostile_names, watching
from tests.support.portals.unknown_portal import INSTALL, Stage, assert_refused, shown

REFRESHED = ("oauth/token",)
PROVED = ("oauth/token", "profile")
LONGEST_ADDRESS = 300

NO_NAMES = {
    "this machine": (
        "127.0.0.1:{port}",
        "localhost:{port}",
        "LOCALHOST:{port}",
        "[::1]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "127.0.0.1",
        "localhost",
        "localhost.",
        "[::1]",
        "0.0.0.0",  # noqa: S104 - no socket binds to it here
    ),
    "this machine in disguise": (
        "2130706433:{port}",
        "127.1:{port}",
        "0x7f.1:{port}",
        "0177.0.0.1:{port}",
        "0:{port}",
        "①②⑦.⓪.⓪.①:{port}",
    ),
    "where a cloud keeps its credentials": (
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2::254]",
        "10.0.0.7",
        "metadata",
    ),
    "user info": (
        "{good}@127.0.0.1:{port}",
        "{good}:443@127.0.0.1:{port}",
        "127.0.0.1:{port}@{good}",
        "127.0.0.1:{port}#@{good}",
        "127.0.0.1:{port}?@{good}",
        "127.0.0.1:{port}/@{good}",
        "{good}/../@127.0.0.1",
    ),
    "backslashes": ("127.0.0.1:{port}\\@{good}", "{good}\\@127.0.0.1:{port}", "{good}\\.127.0.0.1"),
    "lines, blanks and zeros": (
        "{good}\r\nHost: 127.0.0.1:{port}",
        "{good}\n",
        "{good}\t",
        " {good}",
        "{good}%00.127.0.0.1",
        "{good}\x00.127.0.0.1",
    ),
    "dots and ports": ("{good}.", "{good}:8443", "{good}:0", "{good}:65536", "{good},127.0.0.1", "acme..bitrix24.com"),
    "letters that look alike": (
        "аcme.bitrix24.com",  # its first letter is Cyrillic
        "acme。bitrix24。com",
        "acme.bitrix24.com\u202e",
        "-acme.bitrix24.com",
        "a" * 300 + ".com",
    ),
}
"""Not DNS names on the default port: addresses in every notation, and text on which URL parsers disagree."""

ORDINARY = ("xn--cme-5cd.bitrix24.com", "acme.bitrix24.com.attacker.example", *HOSTILE_NAMES)
"""Names that a portal might have, look-alikes and names that resolve to private addresses included."""

GOOD = "acme.bitrix24.com"

no_names = pytest.mark.parametrize("patterns", NO_NAMES.values(), ids=NO_NAMES.keys())
everywhere = pytest.mark.parametrize(
    "patterns", [*NO_NAMES.values(), ORDINARY], ids=[*NO_NAMES.keys(), "ordinary names"]
)


def hosts(stage: Stage, patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        yield pattern.format(port=stage.listener.port, good=GOOD)


def issued(stage: Stage, **fields: object) -> dict[str, Any]:
    """Return what the authorisation server issues for a genuine grant, with these fields replaced."""
    return {
        "access_token": stage.grant()["access_token"],
        "refresh_token": "r" * 70,
        "expires_in": 3600,
        "member_id": stage.portal.member_id,
        "client_endpoint": f"https://{stage.portal.domain}/rest/",
        "server_endpoint": f"https://{stage.portal.domain}/rest/",
        "user_id": 1,
        "scope": "im,imbot",
        "status": "L",
        **fields,
    }


def test_listener_would_be_trusted_if_it_were_called(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_HOSTS", stage.listener.host)
    stage.service.cold_start()
    itself = {"DOMAIN": stage.listener.host, "SERVER_ENDPOINT": f"https://{stage.listener.host}/rest/"}

    answer = stage.contact(fields={**itself, "member_id": MEMBER_ID})

    requests = [line.partition(" HTTP")[0] for line in stage.listener.requests]
    assert requests[:2] == ["POST /oauth/token/", "POST /rest/profile"]
    assert MEMBER_ID in "".join(stage.kept().items)
    assert answer.status in (200, 503)


@everywhere
def test_only_listed_authorisation_servers_are_called(stage: Stage, patterns: Sequence[str]) -> None:
    with stage.untouched(), hostile_names():
        for host in hosts(stage, patterns):
            endpoint = f"https://{host}/rest/"
            reason = "server" if len(endpoint) <= LONGEST_ADDRESS else "form"
            assert_refused(stage.contact(fields={"SERVER_ENDPOINT": endpoint}), reason)
            assert_refused(stage.event("ONAPPINSTALL", fields={"auth[server_endpoint]": endpoint}), reason)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://{server}/rest/",
        "//{server}/rest/",
        "{server}",
        "ftp://{server}/rest/",
        "https:///{server}/rest/",
        "https:{server}/rest/",
        "https://{server}/rest/../../@127.0.0.1:{port}/",
        "https://{server}/rest/?x=https://127.0.0.1:{port}/",
        "https://{server}/rest/#",
        "https://{server}/oauth/token/",
        " https://{server}/rest/",
        "https://{server}/rest/ ",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ],
)
def test_address_of_known_server_is_accepted_only_in_its_documented_form(stage: Stage, endpoint: str) -> None:
    address = endpoint.format(server=stage.portal.server_domain, port=stage.listener.port)

    with stage.untouched():
        assert_refused(stage.contact(fields={"SERVER_ENDPOINT": address}), "server")


@no_names
def test_invalid_portal_name_is_refused_before_any_call(stage: Stage, patterns: Sequence[str]) -> None:
    with stage.untouched():
        for host in hosts(stage, patterns):
            endpoint = {"auth[client_endpoint]": f"https://{host}/rest/"}
            answers = [
                stage.contact(fields={"DOMAIN": host}),
                stage.event("ONAPPINSTALL", fields={"auth[domain]": host}),
                stage.event("ONAPPINSTALL", fields=endpoint),
                stage.event("ONAPPUPDATE", fields={**endpoint, "auth[domain]": None}),
            ]
            for answer in answers:
                # An address that names and numbers are made of is named with what to set.
                if "The portal's address" not in shown(answer):
                    assert_refused(answer, "form")
                assert (answer.status, "installFinish" in answer.body) == (403, False)


@pytest.mark.parametrize("name", ORDINARY)
def test_portal_that_the_authorisation_server_does_not_name_is_never_called(stage: Stage, name: str) -> None:
    named = {"auth[client_endpoint]": f"https://{name}/rest/"}
    with stage.untouched([*REFRESHED, *REFRESHED]), hostile_names():
        assert_refused(stage.contact(fields={"DOMAIN": name}), "portal")
        assert_refused(stage.event("ONAPPINSTALL", fields=named), "portal")
        assert_refused(stage.event("ONAPPINSTALL", fields={**named, "auth[domain]": name}), "portal")


@no_names
def test_invalid_host_named_by_the_authorisation_server_is_refused(stage: Stage, patterns: Sequence[str]) -> None:
    with stage.untouched(REFRESHED * len(patterns)):
        for host in hosts(stage, patterns):
            stage.answers("oauth/token", body=issued(stage, client_endpoint=f"https://{host}/rest/"))
            assert_refused(stage.contact(), "portal")


@pytest.mark.parametrize(("name", "address"), HOSTILE_NAMES.items())
def test_portal_at_a_private_address_is_not_called(stage: Stage, name: str, address: str) -> None:
    # The owner of a self-hosted portal chooses its domain name and the address to which it resolves.
    stage.answers("oauth/token", body=issued(stage, client_endpoint=f"https://{name}/rest/"))

    with stage.untouched(REFRESHED, resolved=address), hostile_names():
        answer = stage.contact(fields={"DOMAIN": name})
    assert (answer.status, "installFinish" in answer.body) == (403, False)
    assert f"{name} leads into a private network" in shown(answer)
    assert f"{name}:443 in the parameter PrivatePortals" in shown(answer)


@pytest.mark.parametrize("path", ["", "rest/1/code/", "rest/?a=", "rest/#", "REST/", "rest/../"])
def test_client_endpoint_is_accepted_in_one_form_only(stage: Stage, path: str) -> None:
    stage.answers("oauth/token", body=issued(stage, client_endpoint=f"https://{stage.portal.domain}/{path}"))

    with stage.untouched(REFRESHED):
        assert_refused(stage.contact(), "portal")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["listener", "metadata"])
def test_redirect_is_never_followed(stage: Stage, status: int, where: str) -> None:
    target = stage.listener.host if where == "listener" else "169.254.169.254"
    to = {"status": status, "body": "", "headers": {"Location": f"https://{target}/oauth/token/"}}

    stage.answers("oauth/token", **to)
    with stage.untouched(REFRESHED):
        assert_refused_with_a_page(stage.contact())
    stage.tell("/faults", [])
    stage.answers("profile", **to)
    with stage.untouched(PROVED):
        assert_refused_with_a_page(stage.contact())


NO_VALUES: tuple[object, ...] = (None, "", "a b", "a\r\nb", [], {"a": 1}, True, -1)


@pytest.mark.parametrize("field", ["member_id", "client_endpoint"])
def test_server_reply_without_a_valid_portal_is_refused(stage: Stage, field: str) -> None:
    for value in NO_VALUES:
        stage.answers("oauth/token", body=issued(stage, **{field: value}))
        with stage.untouched(REFRESHED):
            assert_refused_with_a_page(stage.contact())


@pytest.mark.parametrize("field", ["access_token", "refresh_token"])
def test_incomplete_token_pair_is_refused(stage: Stage, field: str) -> None:
    for value in (each for each in NO_VALUES if each != "a b"):  # which is sent back unchanged
        stage.answers("oauth/token", body=issued(stage, **{field: value}))
        with stage.untouched(REFRESHED):
            assert_refused_with_a_page(stage.contact())


def test_token_pair_without_lifetime_is_accepted(stage: Stage) -> None:
    # The refresh token that was used for the pair cannot be used again (bitrix24.md 3.5).
    stage.answers("oauth/token", body=issued(stage, expires_in=None))
    assert stage.contact().status == 200


@everywhere
def test_link_is_made_only_for_valid_portal_names(stage: Stage, patterns: Sequence[str]) -> None:
    """Those in the vendor's cloud are followed, others are shown."""
    links = patterns is ORDINARY
    with watching() as reached, hostile_names():
        for host in hosts(stage, patterns):
            answer = stage.request("GET", f"{INSTALL}?portal={quote(host, safe='')}")
            cloud = host.endswith(".bitrix24.com") and host.count(".") == 2
            assert answer.status == (302 if cloud else 200) if links else answer.status == 403, host
            assert ("/oauth/authorize/" in answer.body) == (links and not cloud), host

    assert (reached.beyond(stage.own_ports), stage.listener.requests, stage.calls()) == (set(), [], [])


def assert_refused_with_a_page(answer: Answer) -> None:
    assert answer.status in (403, 503), answer
    assert "<p>" in answer.body
    assert "installFinish" not in answer.body
