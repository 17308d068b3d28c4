"""Commands of operators: portals, keys and the purge, by direct invocation (design 3.5)."""

import re
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from chat_lookup.errors import ChatLookupError
from local.portal import LocalPortal
from local.shared_clock import SharedClock
from tests.support.reply_checks import found, problem
from tests.support.service import Service

PATH = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663"


def refusal(service: Service, command: str, **fields: object) -> tuple[str, str]:
    """Run a command that must fail; return name and message of its error."""
    with pytest.raises(ChatLookupError) as caught:
        service.admin(command, **fields)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return type(caught.value).__name__, str(caught.value)


def webhook_url(service: Service) -> str:
    return service.stack.target.endpoint.base_url


def test_portal_is_installed_by_its_webhook_and_its_scopes_are_returned(service: Service) -> None:
    portal = service.admin(
        "portal.add_webhook", webhook_url=webhook_url(service), member_id="another", rate=5, burst=80
    )

    assert portal["member_id"] == "another"
    assert portal["domain"] == service.stack.target.endpoint.host
    assert portal["scopes"] == ["crm", "im", "imbot", "imopenlines", "task"]
    assert (portal["rate"], portal["burst"], portal["state"]) == (5, 80, "active")
    assert {each["member_id"] for each in service.admin("portals")["portals"]} == {"another", service.member_id}


def test_webhook_code_and_key_are_neither_returned_nor_logged(service: Service) -> None:
    code = webhook_url(service).rstrip("/").rpartition("/")[2]

    answers = [
        service.admin("portal.add_webhook", webhook_url=webhook_url(service), member_id=service.member_id),
        service.admin("portals"),
        service.admin("keys.list", portal=service.member_id),
    ]

    assert code not in repr(answers) + service.output()
    assert service.api_key not in repr(answers) + service.output()


def test_portal_installed_again_keeps_its_keys_and_drops_its_cache(service: Service) -> None:
    found(service.look_up("CRM", "DEAL|1663"))

    service.admin("portal.add_webhook", webhook_url=webhook_url(service), member_id=service.member_id)

    assert found(service.look_up("CRM", "DEAL|1663"))["source"] == "portal"


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://acme.bitrix24.com/rest/1/c0dec0dec0de/", "https"),
        ("https://acme.bitrix24.com/rest/1/", "form"),
        ("https://acme.bitrix24.com/rest/one/c0dec0dec0de/", "form"),
        ("https://user@acme.bitrix24.com/rest/1/c0dec0dec0de/", "user"),
        ("https://acme.bitrix24.com/rest/1/c0dec0dec0de/?auth=1", "query"),
        ("https:///rest/1/c0dec0dec0de/", "host"),
        ("нечто, что ничего не открывает", "ASCII"),
    ],
)
def test_invalid_webhook_url_is_refused_before_any_call(service: Service, url: str, word: str) -> None:
    name, message = refusal(service, "portal.add_webhook", webhook_url=url)

    assert name == "InvalidRequest"
    assert word in message
    assert "c0dec0dec0de" not in message + service.output()


def test_webhook_refused_by_the_portal_is_not_stored(service: Service) -> None:
    wrong = webhook_url(service)[:-3] + "00/"

    name, _ = refusal(service, "portal.add_webhook", webhook_url=wrong, member_id="another")

    assert name == "PortalMisconfigured"
    assert [each["member_id"] for each in service.admin("portals")["portals"]] == [service.member_id]


def test_webhook_without_a_look_up_scope_is_refused(service: Service) -> None:
    service.control("/scopes", {"scopes": ["task"]})

    name, message = refusal(service, "portal.add_webhook", webhook_url=webhook_url(service), member_id="another")

    assert (name, "imbot" in message) == ("InvalidRequest", True)


def test_portal_in_a_private_network_is_refused(service: Service, tmp_path: Path) -> None:
    with LocalPortal(tmp_path, SharedClock(tmp_path / "clock")) as private_portal:
        name, _ = refusal(service, "portal.add_webhook", webhook_url=private_portal.webhook_url)
        assert name == "PortalMisconfigured"
    assert service.logs()[0]["portal_error"] == "ADDRESS_REFUSED"


def test_key_is_shown_once_and_listed_without_its_value(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="billing", scopes=["lookup"], expires_in_days=1)

    assert re.fullmatch(r"[A-Za-z0-9_-]{16,}", made["key"])
    found(service.get(PATH, {"X-Api-Key": made["key"]}))
    (listed,) = [
        each
        for each in service.admin("keys.list", portal=service.member_id)["keys"]
        if each["key_id"] == made["key_id"]
    ]
    assert (listed["label"], listed["scopes"]) == ("billing", ["lookup"])
    assert listed["created_at"] < listed["expires_at"]
    assert made["key"] not in repr(listed) + service.output()


def test_tables_hold_no_key_and_no_webhook_code(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="billing", scopes=["lookup"])
    found(service.get(PATH, {"X-Api-Key": made["key"]}))
    code = webhook_url(service).rstrip("/").rpartition("/")[2]

    dynamodb = service.stack.backend.aws.dynamodb()
    rows = repr([dynamodb.scan(TableName=table)["Items"] for table in ("PortalTable", "CacheTable")])

    assert service.member_id in rows
    assert made["key"] not in rows
    assert service.api_key not in rows
    assert code not in rows


def test_key_for_an_unknown_portal_is_refused(service: Service) -> None:
    assert refusal(service, "keys.create", portal="another", label="x")[0] == "PortalNotInstalled"


@pytest.mark.parametrize(
    ("command", "fields", "word"),
    [
        ("portals.remove", {}, "command"),
        ("", {}, "command"),
        ("portals", {"all": True}, "all"),
        ("portal.add_webhook", {}, "webhook_url"),
        ("keys.create", {}, "label"),
        ("keys.create", {"label": "x", "scopes": ["everything"]}, "scopes"),
        ("keys.create", {"label": "x", "scopes": "lookup"}, "scopes"),
        ("keys.create", {"label": "x", "expires_in_days": 0}, "expires_in_days"),
        ("keys.create", {"label": "x" * 200}, "label"),
        ("keys.revoke", {}, "key_id"),
        ("keys.revoke", {"key_id": "0123456789ab"}, "key_id"),
        ("cache.purge", {"everything": 1}, "everything"),
    ],
)
def test_invalid_command_is_refused_with_the_faulty_field(
    service: Service, command: str, fields: dict[str, object], word: str
) -> None:
    name, message = refusal(service, command, **fields)

    assert name == "InvalidRequest"
    assert word in message


def test_rate_set_for_a_portal_is_kept(service: Service) -> None:
    url = webhook_url(service)
    # The call of the installation takes the first slot; the next is 6.7 seconds ahead, and the one after it 13.3,
    # longer than a look-up waits.
    with service.stopped_clock() as clock, ThreadPoolExecutor() as callers:
        service.admin("portal.add_webhook", webhook_url=url, member_id=service.member_id, rate=0.15, burst=1)
        look_ups = [callers.submit(service.look_up, "CRM", entity_id) for entity_id in ("DEAL|1663", "LEAD|13")]
        (refused, *_), (waiting, *_) = wait(look_ups, return_when=FIRST_COMPLETED)
        body = problem(refused.result(), 429, "portal-busy")
        assert 1 <= body["retry_after"] <= 5
        clock.advance(7)
        found(waiting.result())

    assert len(service.calls("im.chat.get")) == 1
