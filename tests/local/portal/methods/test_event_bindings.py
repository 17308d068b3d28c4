"""Event handlers of an application (bitrix24.md 1.15)."""

import pytest

from tests.support.portals.portal_service import ApplicationProbe

HANDLER = "https://service.example/bitrix24/install"
BINDING = {"event": "ONAPPUNINSTALL", "handler": HANDLER}


@pytest.fixture
def token(probe: ApplicationProbe) -> str:
    """An administrator's access token."""
    access_token: str = probe.grant()["access_token"]
    return access_token


def test_handler_is_listed_and_can_be_bound_once(probe: ApplicationProbe, token: str) -> None:
    assert probe.result_with(token, "event.bind", **BINDING) is True
    status, body = probe.call_with(token, "event.bind", EVENT="onAppUninstall", HANDLER=HANDLER)
    assert (status, body) == (
        400,
        {"error": "ERROR_CORE", "error_description": "Unable to set event handler: Handler already binded"},
    )
    assert probe.result_with(token, "event.bind", **{**BINDING, "event": "ONAPPUPDATE"}) is True
    assert probe.result_with(token, "event.get") == [
        {"event": "ONAPPUNINSTALL", "handler": HANDLER, "auth_type": "0", "offline": 0},
        {"event": "ONAPPUPDATE", "handler": HANDLER, "auth_type": "0", "offline": 0},
    ]


def test_unbound_handler_can_be_bound_again(probe: ApplicationProbe, token: str) -> None:
    for handler in (HANDLER, HANDLER + "2"):
        probe.result_with(token, "event.bind", **{**BINDING, "handler": handler})
    assert probe.result_with(token, "event.unbind", **BINDING) == {"count": 1}
    assert probe.result_with(token, "event.unbind", **BINDING) == {"count": 0}
    assert probe.result_with(token, "event.bind", **BINDING) is True
    assert probe.result_with(token, "event.unbind", event="ONAPPUNINSTALL") == {"count": 2}
    assert probe.result_with(token, "event.get") == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"event": ""}, "ERROR_ARGUMENT"),
        ({"handler": ""}, "ERROR_ARGUMENT"),
        ({"event_type": "sometimes"}, "ERROR_ARGUMENT"),
        ({"event": "ONNOTHING"}, "ERROR_EVENT_NOT_FOUND"),
        ({"event": "ONIMBOTV2MESSAGEADD"}, "ERROR_EVENT_NOT_FOUND"),
        ({"handler": "http://localhost:3000/install"}, "ERROR_WRONG_HANDLER_URL"),
        ({"handler": "service.example/install"}, "ERROR_UNSUPPORTED_PROTOCOL"),
        ({"handler": "http://[service.example"}, "ERROR_WRONG_HANDLER_URL"),
    ],
)
def test_invalid_binding_is_refused(probe: ApplicationProbe, token: str, change: dict[str, str], error: str) -> None:
    assert probe.error_with(token, "event.bind", **{**BINDING, **change}) == (400, error)
    assert probe.result_with(token, "event.get") == []


@pytest.mark.parametrize("method", ["event.bind", "event.get", "event.unbind"])
def test_webhook_cannot_bind_handlers(probe: ApplicationProbe, method: str) -> None:
    assert probe.error(method, **BINDING) == (403, "WRONG_AUTH_TYPE")


def test_ordinary_user_binds_sees_and_unbinds_own_online_handlers_only(probe: ApplicationProbe, token: str) -> None:
    probe.result_with(token, "event.bind", **BINDING)
    probe.result_with(token, "event.bind", **BINDING, auth_type=3)
    token, admins = probe.grant(2)["access_token"], token
    assert probe.error_with(token, "event.bind", **BINDING, auth_type=1) == (403, "ACCESS_DENIED")
    assert probe.error_with(token, "event.bind", **BINDING, event_type="offline") == (403, "ACCESS_DENIED")
    assert probe.result_with(token, "event.bind", **BINDING) is True
    assert [each["auth_type"] for each in probe.result_with(token, "event.get")] == ["2"]
    for foreign in ({"auth_type": 3}, {"event_type": "offline"}):
        assert probe.error_with(token, "event.unbind", **BINDING, **foreign) == (403, "ACCESS_DENIED")
    assert probe.result_with(token, "event.unbind", **BINDING) == {"count": 1}
    assert [each["auth_type"] for each in probe.result_with(admins, "event.get")] == ["0", "3"]


def test_offline_binding_is_listed_and_not_called(probe: ApplicationProbe, token: str) -> None:
    handler = probe.service.url + "/bitrix24/install"
    binding = {"event": "ONAPPTEST", "handler": handler, "event_type": "offline"}
    assert probe.result_with(token, "event.bind", **binding) is True
    assert probe.result_with(token, "event.get")[0]["offline"] == 1
    assert probe.tell("/emit", {"event": "ONAPPTEST"})["sent"] == []
