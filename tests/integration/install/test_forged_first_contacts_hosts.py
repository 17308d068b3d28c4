"""First contacts that name hosts which nobody may call: no request leaves for them, wherever in a message they stand.

The listener is trusted by its certificate and would say yes to everything: were it asked, the forgery would succeed.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from local.portal.events.http_delivery import Answer
from tests.support.hostile_server import HOSTILE_NAMES, MEMBER_ID, hostile_names, watching
from tests.support.portals.unknown_portal import INSTALL, Stage, assert_refused

ASKED = ("oauth/token",)
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
        "0.0.0.0",  # noqa: S104 - nobody binds to it here
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
"""No names of the DNS on the usual port: addresses in every spelling, and what parsers of URLs disagree about."""

ORDINARY = ("xn--cme-5cd.bitrix24.com", "acme.bitrix24.com.attacker.example", *HOSTILE_NAMES)
"""Names that a portal might have, look-alikes and such as lead to private addresses among them."""

GOOD = "acme.bitrix24.com"

no_names = pytest.mark.parametrize("patterns", NO_NAMES.values(), ids=NO_NAMES.keys())
everywhere = pytest.mark.parametrize(
    "patterns", [*NO_NAMES.values(), ORDINARY], ids=[*NO_NAMES.keys(), "ordinary names"]
)


def hosts(stage: Stage, patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        yield pattern.format(port=stage.listener.port, good=GOOD)


def answered(stage: Stage, **said: object) -> dict[str, Any]:
    """What the authorisation server issues for a grant in truth, but for these fields."""
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
        **said,
    }


def test_the_listener_would_be_believed_were_it_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_HOSTS", stage.listener.host)
    stage.service.cold_start()
    itself = {"DOMAIN": stage.listener.host, "SERVER_ENDPOINT": f"https://{stage.listener.host}/rest/"}

    answer = stage.contact(fields={**itself, "member_id": MEMBER_ID})

    asked = [heard.partition(" HTTP")[0] for heard in stage.listener.heard]
    assert asked[:2] == ["POST /oauth/token/", "POST /rest/profile"]
    assert MEMBER_ID in "".join(stage.kept().items)
    assert answer.status in (200, 503)


@everywhere
def test_no_authorisation_server_is_asked_but_those_on_the_list(stage: Stage, patterns: Sequence[str]) -> None:
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
def test_the_address_of_a_known_server_is_admitted_in_its_documented_form_only(stage: Stage, endpoint: str) -> None:
    said = endpoint.format(server=stage.portal.server_domain, port=stage.listener.port)

    with stage.untouched():
        assert_refused(stage.contact(fields={"SERVER_ENDPOINT": said}), "server")


@no_names
def test_what_is_no_name_of_a_portal_is_refused_before_anybody_is_asked(stage: Stage, patterns: Sequence[str]) -> None:
    with stage.untouched():
        for host in hosts(stage, patterns):
            endpoint = {"auth[client_endpoint]": f"https://{host}/rest/"}
            assert_refused(stage.contact(fields={"DOMAIN": host}), "form")
            assert_refused(stage.event("ONAPPINSTALL", fields={"auth[domain]": host}), "form")
            assert_refused(stage.event("ONAPPINSTALL", fields=endpoint), "form")
            assert_refused(stage.event("ONAPPUPDATE", fields={**endpoint, "auth[domain]": None}), "form")


@pytest.mark.parametrize("name", ORDINARY)
def test_a_portal_that_the_server_does_not_name_is_never_called(stage: Stage, name: str) -> None:
    said = {"auth[client_endpoint]": f"https://{name}/rest/"}
    with stage.untouched([*ASKED, *ASKED]), hostile_names():
        assert_refused(stage.contact(fields={"DOMAIN": name}), "portal")
        assert_refused(stage.event("ONAPPINSTALL", fields=said), "portal")
        assert_refused(stage.event("ONAPPINSTALL", fields={**said, "auth[domain]": name}), "portal")


@no_names
def test_not_even_the_authorisation_server_can_name_such_a_host(stage: Stage, patterns: Sequence[str]) -> None:
    with stage.untouched(ASKED * len(patterns)):
        for host in hosts(stage, patterns):
            stage.answers("oauth/token", body=answered(stage, client_endpoint=f"https://{host}/rest/"))
            assert_refused(stage.contact(), "portal")


@pytest.mark.parametrize(("name", "address"), HOSTILE_NAMES.items())
def test_a_portal_that_lives_at_a_private_address_is_not_called(stage: Stage, name: str, address: str) -> None:
    # Whoever runs a portal of his own may have it named as he likes, and lead that name wherever he likes.
    stage.answers("oauth/token", body=answered(stage, client_endpoint=f"https://{name}/rest/"))

    with stage.untouched(ASKED, resolved=address), hostile_names():
        assert_refused(stage.contact(fields={"DOMAIN": name}), "portal")


@pytest.mark.parametrize("path", ["", "rest/1/code/", "rest/?a=", "rest/#", "REST/", "rest/../"])
def test_the_endpoint_of_a_portal_has_one_form(stage: Stage, path: str) -> None:
    stage.answers("oauth/token", body=answered(stage, client_endpoint=f"https://{stage.portal.domain}/{path}"))

    with stage.untouched(ASKED):
        assert_refused(stage.contact(), "portal")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["listener", "metadata"])
def test_a_redirect_is_never_followed(stage: Stage, status: int, where: str) -> None:
    target = stage.listener.host if where == "listener" else "169.254.169.254"
    to = {"status": status, "body": "", "headers": {"Location": f"https://{target}/oauth/token/"}}

    stage.answers("oauth/token", **to)
    with stage.untouched(ASKED):
        refused_in_words(stage.contact())
    stage.tell("/faults", [])
    stage.answers("profile", **to)
    with stage.untouched(PROVED):
        refused_in_words(stage.contact())


NO_VALUES: tuple[object, ...] = (None, "", "a b", "a\r\nb", [], {"a": 1}, True, -1)


@pytest.mark.parametrize("field", ["member_id", "client_endpoint"])
def test_an_answer_of_the_server_that_names_no_portal_is_none(stage: Stage, field: str) -> None:
    for value in NO_VALUES:
        stage.answers("oauth/token", body=answered(stage, **{field: value}))
        with stage.untouched(ASKED):
            refused_in_words(stage.contact())


@pytest.mark.parametrize("field", ["access_token", "refresh_token"])
def test_half_a_pair_of_the_server_is_none(stage: Stage, field: str) -> None:
    for value in (each for each in NO_VALUES if each != "a b"):  # which can be sent back as it came
        stage.answers("oauth/token", body=answered(stage, **{field: value}))
        with stage.untouched(ASKED):
            refused_in_words(stage.contact())


def test_a_pair_without_a_lifetime_is_kept_for_an_hour(stage: Stage) -> None:
    # The token that was spent for the pair is spent (bitrix24.md 3.5).
    stage.answers("oauth/token", body=answered(stage, expires_in=None))
    assert stage.contact().status == 200


@everywhere
def test_a_link_is_made_for_names_of_portals_only(stage: Stage, patterns: Sequence[str]) -> None:
    links = patterns is ORDINARY
    with watching() as reached, hostile_names():
        for host in hosts(stage, patterns):
            answer = stage.request("GET", f"{INSTALL}?portal={quote(host, safe='')}")
            assert answer.status == (302 if links else 403), host

    assert (reached.beyond(stage.own_ports), stage.listener.heard, stage.calls()) == (set(), [], [])


def refused_in_words(answer: Answer) -> None:
    assert answer.status in (403, 503), answer
    assert "<p>" in answer.body
    assert "installFinish" not in answer.body
