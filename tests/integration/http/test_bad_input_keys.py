"""Who may not ask: no key, a wrong one, one that has ended, one without the scope (design 3.1)."""

import pytest

from chat_lookup.portals.api_keys import Keys
from tests.support.outcomes import found, only_line, problem
from tests.support.service import Reply, Service

PATH = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663"
DETAILS = PATH + "&expand=chat"
REVERSE = "/v1/chats/1437"
DAY = 24 * 3600


def new_key(service: Service, *scopes: str, **fields: object) -> str:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=scopes, **fields)
    service.mark()
    return str(made["key"])


def ask(service: Service, key: str, path: str = PATH, verb: str = "GET") -> Reply:
    return service.request(verb, path, {"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("header", ["X-Api-Key", "x-api-key", "X-API-KEY"])
def test_a_key_opens_the_api_in_a_header_of_its_own(service: Service, header: str) -> None:
    found(service.get(PATH, {header: service.api_key}))


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_a_key_opens_the_api_as_a_bearers(service: Service, scheme: str) -> None:
    found(service.get(PATH, {"Authorization": scheme + service.api_key}))


NO_KEY: dict[str, dict[str, str]] = {
    "no header": {},
    "an empty header": {"X-Api-Key": ""},
    "a bearer of nothing": {"Authorization": "Bearer "},
    "another scheme": {"Authorization": "Basic dXNlcjpwYXNz"},
    "no scheme": {"Authorization": "clk_0123456789abcdef0123456789abcdef"},
    "an unknown key": {"X-Api-Key": "clk_0123456789abcdef0123456789abcdef"},
    "too short a key": {"X-Api-Key": "clk"},
    "too long a key": {"X-Api-Key": "k" * 3000},
    "letters that no key has": {"X-Api-Key": "clk_0123456789abcdef 0123456789abcdef"},
    "a key in its quotes": {"X-Api-Key": '"clk_0123456789abcdef0123456789abcdef"'},
}


@pytest.mark.parametrize("headers", NO_KEY.values(), ids=NO_KEY)
@pytest.mark.parametrize(
    ("verb", "path"), [("GET", PATH), ("DELETE", PATH), ("GET", REVERSE)], ids=["find", "forget", "reverse"]
)
def test_without_a_valid_key_nothing_is_answered(
    service: Service, headers: dict[str, str], verb: str, path: str
) -> None:
    reply = service.request(verb, path, headers)

    problem(reply, 401, "key-rejected")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert only_line(service)["status"] == 401
    assert service.calls() == []


def test_a_key_in_the_query_is_no_key(service: Service) -> None:
    problem(service.get(f"{PATH}&api_key={service.api_key}", {}), 401, "key-rejected")


def test_a_bearers_key_goes_before_the_other_header(service: Service) -> None:
    headers = {"Authorization": "Bearer clk_0123456789abcdef0123456789abcdef", "X-Api-Key": service.api_key}

    problem(service.get(PATH, headers), 401, "key-rejected")


def test_a_key_ends_when_its_days_are_over(service: Service) -> None:
    key = new_key(service, "lookup", expires_in_days=2)

    service.clock.advance(2 * DAY - 60)
    found(ask(service, key))
    service.clock.advance(61)
    problem(ask(service, key), 401, "key-rejected")


def test_a_key_that_a_process_remembers_ends_all_the_same(service: Service) -> None:
    key = new_key(service, "lookup", expires_in_days=2)
    service.clock.advance(2 * DAY - 10)
    found(ask(service, key))

    service.clock.advance(11)

    problem(ask(service, key), 401, "key-rejected")


def test_a_revoked_key_is_refused_at_once_where_it_was_revoked(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"])
    found(ask(service, made["key"]))

    service.admin("keys.revoke", portal=service.member_id, key_id=made["key_id"])

    problem(ask(service, made["key"]), 401, "key-rejected")


def test_a_key_revoked_by_another_process_is_refused_within_30_seconds(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"])
    found(ask(service, made["key"]))

    # Upon the same table, but with a memory of its own.
    Keys(service.stack.backend.aws.dynamodb(), "PortalTable", service.clock).revoke(service.member_id, made["key_id"])
    service.clock.advance(30)

    problem(ask(service, made["key"]), 401, "key-rejected")


def test_a_key_that_is_used_all_the_time_is_no_exception(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"])
    found(ask(service, made["key"]))
    Keys(service.stack.backend.aws.dynamodb(), "PortalTable", service.clock).revoke(service.member_id, made["key_id"])

    statuses = []
    for _ in range(4):
        service.clock.advance(8)
        statuses.append(ask(service, made["key"]).status)

    assert statuses[-1] == 401


def test_the_other_keys_of_a_portal_outlive_a_revoked_one(service: Service) -> None:
    one, other = (
        service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"]) for _ in range(2)
    )
    service.admin("keys.revoke", portal=service.member_id, key_id=one["key_id"])

    found(ask(service, other["key"]))


@pytest.mark.parametrize(
    ("scope", "verb", "path"),
    [
        ("lookup", "GET", DETAILS),
        ("lookup", "GET", REVERSE),
        ("details", "GET", PATH),
        ("details", "DELETE", PATH),
    ],
)
def test_a_key_opens_what_its_scopes_name_and_no_more(service: Service, scope: str, verb: str, path: str) -> None:
    needed = "details" if scope == "lookup" else "lookup"
    key = new_key(service, scope)

    body = problem(ask(service, key, path, verb), 403, "scope-missing")

    assert needed in body["detail"]
    assert service.calls() == []


def test_scopes_are_looked_at_before_parameters(service: Service) -> None:
    problem(ask(service, new_key(service, "lookup"), "/v1/chats/x"), 403, "scope-missing")


def test_a_key_opens_its_own_portal_only(service: Service) -> None:
    webhook_url = service.stack.target.endpoint.base_url
    service.admin("portal.add_webhook", webhook_url=webhook_url, member_id="another")
    key = service.admin("keys.create", portal="another", label="a test", scopes=["lookup"])["key"]
    found(service.look_up("CRM", "DEAL|1663"))

    answer = found(ask(service, key))

    assert answer["source"] == "portal", "one portal was answered from another one's cache"
