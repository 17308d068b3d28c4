"""The authorisation server, as bitrix24.md section 3 describes it."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from tests.support.portals.portal_service import ApplicationProbe

HOUR, DAY = 3_600, 86_400


def code_of(probe: ApplicationProbe, user_id: int = 1) -> str:
    """A code, as a user brings it back from the portal's page."""
    url = f"{probe.portal.portal_url}/oauth/authorize/"
    fields = {"client_id": probe.application.client_id, "state": "s-1", "user_id": str(user_id)}
    response = probe.http.request("GET", url, fields=fields, redirect=False)
    assert response.status == 302
    return parse_qs(urlsplit(response.headers["Location"]).query)["code"][0]


@pytest.mark.parametrize("verb", ["POST", "GET"])
def test_refresh_returns_the_documented_fields(probe: ApplicationProbe, verb: str) -> None:
    granted = probe.grant(2)
    before = probe.clock.now()
    form = {**probe.keys(), "grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    status, pair = probe.token(verb, **form)
    assert status == 200
    assert before + HOUR - 1 <= pair.pop("expires") <= probe.clock.now() + HOUR
    assert granted["access_token"] != pair.pop("access_token")
    assert granted["refresh_token"] != pair.pop("refresh_token")
    assert pair == {
        "expires_in": 3600,
        "scope": "im,imbot",
        "domain": probe.portal.server_domain,
        "server_endpoint": f"https://{probe.portal.server_domain}/rest/",
        "client_endpoint": f"https://{probe.portal.domain}/rest/",
        "member_id": probe.portal.member_id,
        "status": "L",
        "user_id": 2,
    }


def test_refresh_token_is_invalid_once_it_is_used(probe: ApplicationProbe) -> None:
    first = probe.grant()
    status, second = probe.refresh(first["refresh_token"])
    assert status == 200
    assert probe.refresh(first["refresh_token"]) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid grant"},
    )
    assert probe.refresh(second["refresh_token"])[0] == 200
    for access_token in (first["access_token"], second["access_token"]):
        assert probe.result_with(access_token, "profile")["ID"] == "1"


def test_sixteen_concurrent_refreshes_of_one_token_return_one_pair(probe: ApplicationProbe) -> None:
    granted = probe.grant()
    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(lambda _: probe.refresh(granted["refresh_token"])[0], range(16)))
    assert Counter(answers) == {200: 1, 400: 15}
    assert len([call for call in probe.calls("oauth/token") if call["status"] == 200]) == 1


def test_access_token_expires_after_an_hour_and_refresh_token_after_half_a_year(probe: ApplicationProbe) -> None:
    granted = probe.grant()
    probe.tell("/clock", {"advance_s": HOUR - 60})
    assert probe.result_with(granted["access_token"], "profile")["ID"] == "1"
    probe.tell("/clock", {"advance_s": 60})
    assert probe.error_with(granted["access_token"], "profile") == (401, "expired_token")
    probe.tell("/clock", {"advance_s": 179 * DAY})
    renewed = probe.refresh(granted["refresh_token"])[1]
    assert probe.result_with(renewed["access_token"], "profile")["ID"] == "1"
    probe.tell("/clock", {"advance_s": 180 * DAY})
    assert probe.refresh(renewed["refresh_token"])[1]["error"] == "invalid_grant"


def test_code_is_valid_once_and_for_half_a_minute(probe: ApplicationProbe) -> None:
    form = {**probe.keys(), "grant_type": "authorization_code"}
    code = code_of(probe, user_id=3)
    status, pair = probe.token(**form, code=code)
    assert status == 200
    assert pair.keys() == {
        "access_token",
        "refresh_token",
        "expires",
        "expires_in",
        "user_id",
        "client_endpoint",
        "server_endpoint",
        "domain",
        "member_id",
        "scope",
        "status",
    }
    assert probe.result_with(pair["access_token"], "profile")["ID"] == "3"
    assert probe.token(**form, code=code)[1]["error"] == "invalid_grant"
    late = code_of(probe)
    probe.tell("/clock", {"advance_s": 30})
    assert probe.token(**form, code=late)[1]["error"] == "invalid_grant"


def test_authorize_page_redirects_the_browser_to_the_application(probe: ApplicationProbe) -> None:
    url = f"{probe.portal.portal_url}/oauth/authorize/"
    fields = {"client_id": probe.application.client_id, "state": "a b&c"}
    response = probe.http.request("GET", url, fields=fields, redirect=False)
    address, _, query = response.headers["Location"].partition("?")
    assert address == probe.service.url + "/bitrix24/app"
    returned = {name: values[0] for name, values in parse_qs(query).items()}
    assert returned.pop("code")
    assert returned == {
        "state": "a b&c",
        "domain": probe.portal.domain,
        "member_id": probe.portal.member_id,
        "scope": "im,imbot",
        "server_domain": probe.portal.server_domain,
    }


@pytest.mark.parametrize("fields", [{}, {"client_id": "app.unknown"}, {"user_id": "99"}])
def test_authorize_page_shows_an_error_to_the_user_without_a_redirect(
    probe: ApplicationProbe, fields: dict[str, str]
) -> None:
    if "user_id" in fields:
        fields = {**fields, "client_id": probe.application.client_id}
    response = probe.http.request("GET", f"{probe.portal.portal_url}/oauth/authorize/", fields=fields, redirect=False)
    assert response.status == 404
    assert "Location" not in response.headers


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "invalid_request"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"client_secret": ""}, 400, "invalid_request"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"client_id": "app.unknown"}, 200, "wrong_client"),
        ({"client_secret": "wrong"}, 400, "invalid_client"),
        ({"refresh_token": "unknown"}, 400, "invalid_grant"),
        ({"scope": "im,crm"}, 403, "invalid_scope"),
        ({"scope": "im imbot"}, 200, None),
    ],
)
def test_invalid_token_request_gets_the_documented_error(
    probe: ApplicationProbe, change: dict[str, str], status: int, error: str | None
) -> None:
    answered, body = probe.refresh(**{"refresh_token": probe.grant()["refresh_token"], **change})
    assert (answered, body.get("error")) == (status, error)


def test_refused_request_does_not_use_up_the_token(probe: ApplicationProbe) -> None:
    token = probe.grant()["refresh_token"]
    for change in ({"client_secret": "wrong"}, {"scope": "crm"}, {"grant_type": "authorization_code"}):
        assert "error" in probe.refresh(token, **change)[1]
    assert probe.refresh(token)[0] == 200


def test_token_of_another_application_is_refused(tmp_path: Path) -> None:
    with ApplicationProbe(tmp_path) as probe:
        other = probe.tell("/applications", {"service_url": probe.service.url, "interface": False})
        probe.tell("/install", {"client_id": other["client_id"]})
        token = probe.grant(client_id=other["client_id"])["refresh_token"]
        assert probe.refresh(token)[1]["error"] == "invalid_grant"
        assert probe.refresh(token, **other)[0] == 200


def test_post_is_answered_405_if_only_get_is_allowed(probe: ApplicationProbe) -> None:
    probe.tell("/shape", {"oauth_post": False})
    token = probe.grant()["refresh_token"]
    form = {**probe.keys(), "grant_type": "refresh_token", "refresh_token": token}
    url = f"https://{probe.portal.server_domain}/oauth/token/"
    refused = probe.http.request("POST", url, fields=form, encode_multipart=False)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    assert probe.token("GET", **form)[0] == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("PAYMENT_REQUIRED", 401),
        ("NOT_INSTALLED", 401),
        ("invalid_client", 400),
        ("bad_verification_code", 400),
        ("wrong_client", 200),
        ("invalid_request", 400),
        ("insufficient_scope", 403),
    ],
)
def test_fault_can_return_any_error_of_the_authorisation_server(
    probe: ApplicationProbe, error: str, status: int
) -> None:
    token = probe.grant()["refresh_token"]
    probe.tell("/faults", {"method": "oauth/token", "error": error, "times": 1})
    answered, body = probe.refresh(token)
    assert (answered, body["error"].lower()) == (status, error.lower())
    assert probe.refresh(token)[0] == 200


def test_outages_of_portal_and_authorisation_server_are_independent(
    probe: ApplicationProbe,
) -> None:
    granted = probe.grant()
    probe.tell("/faults", {"method": "*", "drop": True})
    assert probe.refresh(granted["refresh_token"])[0] == 200
    probe.tell("/faults", [])
    probe.tell("/faults", {"method": "oauth/token", "drop": True})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        probe.refresh(granted["refresh_token"])
    assert probe.result_with(granted["access_token"], "profile")["ID"] == "1"


def test_refresh_does_not_fill_the_bucket(probe: ApplicationProbe) -> None:
    probe.tell("/plan", {"rate": 0.001, "burst": 1})
    token = probe.grant()["refresh_token"]
    for _ in range(5):
        token = probe.refresh(token)[1]["refresh_token"]
    assert probe.result("profile")["ID"] == "1"


def test_new_secret_replaces_the_former_one(probe: ApplicationProbe) -> None:
    token = probe.grant()["refresh_token"]
    new_keys = probe.tell("/rotate_secret", {})
    assert probe.refresh(token)[1]["error"] == "invalid_client"
    assert probe.refresh(token, **new_keys)[0] == 200


def test_list_of_calls_names_the_requests_and_shows_no_secret(probe: ApplicationProbe) -> None:
    probe.tell("/reset", {})
    granted = probe.grant()
    pair = probe.refresh(granted["refresh_token"])[1]
    code = code_of(probe)
    probe.token(**probe.keys(), grant_type="authorization_code", code=code)
    probe.result_with(pair["access_token"], "profile", note=f"x{pair['refresh_token']}x{code}")
    calls = probe.calls()
    assert [(call["method"], call["status"]) for call in calls] == [
        ("oauth/token", 200),
        ("oauth/authorize", 302),
        ("oauth/token", 200),
        ("profile", 200),
    ]
    assert calls[0]["params"]["grant_type"] == "refresh_token"
    shown = json.dumps(calls)
    for secret in (*pair.values(), granted["refresh_token"], granted["access_token"], code, *probe.keys().values()):
        if isinstance(secret, str) and len(secret) >= 30 and secret != probe.portal.member_id:
            assert secret not in shown


def test_app_info_has_different_shapes_at_authorisation_server_and_portal(
    probe: ApplicationProbe,
) -> None:
    token = probe.grant(2)["access_token"]
    url = f"https://{probe.portal.server_domain}/rest/app.info"
    info = probe.http.request("GET", url, fields={"auth": token}).json()["result"]
    assert (info["client_id"], info["user_id"], info["scope"]) == (probe.application.client_id, 2, "im,imbot")
    assert info["install"]["member_id"] == probe.portal.member_id
    assert info["install"]["client_endpoint"] == f"https://{probe.portal.domain}/rest/"
    assert info["install"]["installed"] is True
    of_portal = probe.result_with(token, "app.info")
    by_form = probe.http.request("POST", url, fields={"auth": token}, encode_multipart=False)
    assert by_form.json()["result"] == of_portal
    assert (of_portal["CODE"], of_portal["STATUS"], of_portal["INSTALLED"]) == (
        probe.application.client_id,
        "L",
        True,
    )
    assert "member_id" not in of_portal
    assert [call["method"] for call in probe.calls()[-3:]] == ["oauth/app.info", "app.info", "app.info"]


def test_app_info_refuses_a_bad_token(probe: ApplicationProbe) -> None:
    url = f"https://{probe.portal.server_domain}/rest/app.info"
    token = probe.grant()["access_token"]

    def error(access_token: str) -> tuple[int, str]:
        response = probe.http.request("GET", url, fields={"auth": access_token})
        return response.status, response.json()["error"]

    assert error("unknown") == (401, "NO_AUTH_FOUND")
    probe.tell("/expire_tokens", {})
    assert error(token) == (401, "expired_token")
    probe.tell("/uninstall", {})
    assert error(token) == (401, "NOT_INSTALLED")


def test_token_of_one_portal_is_invalid_in_another(tmp_path: Path) -> None:
    with ApplicationProbe(tmp_path / "one") as one, ApplicationProbe(tmp_path / "other") as other:
        keys = {"client_id": "app.market", "client_secret": "market-secret"}
        for probe in (one, other):
            probe.application = probe.portal.applications.add(
                kind="market", service_url=probe.service.url, interface=False, **keys
            )
            probe.tell("/install", {"client_id": "app.market"})
        granted = one.grant(client_id="app.market")
        assert other.refresh(granted["refresh_token"])[1]["error"] == "invalid_grant"
        assert other.error_with(granted["access_token"], "profile") == (401, "NO_AUTH_FOUND")
        pair = one.refresh(granted["refresh_token"])[1]
        assert (pair["member_id"], pair["status"]) == (one.portal.member_id, "F")
        assert one.portal.member_id != other.portal.member_id
