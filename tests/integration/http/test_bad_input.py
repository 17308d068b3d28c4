"""Invalid requests, pairs that could be confused, and keys without access (design 3.1)."""

import itertools

import pytest

from chat_lookup.dynamodb import Table
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.store import Portals
from tests.support.reply_checks import found, only_line, problem
from tests.support.service import Reply, Service

# -- requests ----------------------------------------------------------------------------------------------------------


PAIR = "entity_type=CRM&entity_id=DEAL%7C1663"

PAGES = ("install", "app", "events")
FAULTY = {
    "no type": ("entity_id=1", "entity_type"),
    "no id": ("entity_type=CRM", "entity_id"),
    "no query": ("", "entity_type"),
    "an empty type": ("entity_type=&entity_id=1", "entity_type"),
    "an empty id": ("entity_type=CRM&entity_id=", "entity_id"),
    "an id without a value": ("entity_type=CRM&entity_id", "entity_id"),
    "the type twice": (f"entity_type=LINES&{PAIR}", "entity_type"),
    "the id twice": (f"{PAIR}&entity_id=DEAL%7C1663", "entity_id"),
    "the id twice, once in other characters": (f"{PAIR}&entity%5Fid=1", "entity_id"),
    "the method twice": (f"{PAIR}&method=im&method=im", "method"),
    "a type that the platform treats as empty": ("entity_type=0&entity_id=1", "entity_type"),
    "an id that the platform treats as empty": ("entity_type=CRM&entity_id=0", "entity_id"),
    "a line end": ("entity_type=CRM&entity_id=DEAL%0A1", "entity_id"),
    "a zero character": ("entity_type=CRM%00&entity_id=1", "entity_type"),
    "too long a type": (f"entity_type={'T' * 256}&entity_id=1", "entity_type"),
    "too long an id": (f"entity_type=CRM&entity_id={'%D0%AB' * 256}", "entity_id"),
    "an unknown method": (f"{PAIR}&method=im.chat.get", "method"),
    "an empty method": (f"{PAIR}&method=", "method"),
    "a bot that is no number": (f"{PAIR}&bot_id=bot", "bot_id"),
    "a bot without a number": (f"{PAIR}&bot_id=", "bot_id"),
    "bot 0": (f"{PAIR}&bot_id=0", "bot_id"),
    "a bot below 0": (f"{PAIR}&bot_id=-1", "bot_id"),
    "a bot in other digits": (f"{PAIR}&bot_id=%D9%A3", "bot_id"),
    "a bot beyond all numbers": (f"{PAIR}&bot_id={'9' * 400}", "bot_id"),
    "an unknown expansion": (f"{PAIR}&expand=members", "expand"),
    "an unknown freshness": (f"{PAIR}&fresh=2", "fresh"),
    "an unknown parameter": (f"{PAIR}&entity_typ=CRM", "entity_typ"),
    "a parameter in both spellings": (f"{PAIR}&ENTITY_ID=1", "ENTITY_ID"),
    "bytes that are no UTF-8": ("entity_type=CRM&entity_id=%FF%FE", "UTF-8"),
    "half a character": ("entity_type=CRM&entity_id=%D0", "UTF-8"),
    "too many parameters": ("&".join(f"p{number}=1" for number in range(51)), "parameters"),
    "too long a query": (f"{PAIR}&x={'y' * 17_000}", "characters"),
}


@pytest.mark.parametrize(("query", "word"), FAULTY.values(), ids=FAULTY)
def test_invalid_look_up_is_refused_with_the_faulty_parameter(service: Service, query: str, word: str) -> None:
    body = problem(service.get(f"/v1/chats?{query}"), 400, "invalid-request")

    assert word in body["detail"]
    assert only_line(service)["status"] == 400
    assert service.calls() == []


@pytest.mark.parametrize(
    ("query", "word"),
    [("entity_id=1", "entity_type"), (f"{PAIR}&entity_id=1", "entity_id"), (f"{PAIR}&fresh=true", "fresh")],
    ids=["missing", "repeated", "of another route"],
)
def test_invalid_delete_is_refused_with_the_faulty_parameter(service: Service, query: str, word: str) -> None:
    assert word in problem(service.request("DELETE", f"/v1/chats?{query}"), 400, "invalid-request")["detail"]


@pytest.mark.parametrize("chat_id", ["0", "-5", "1.5", "chat", "chat0", "%D9%A3", "9" * 30, "%20", "1437%00"])
def test_invalid_chat_id_is_refused(service: Service, chat_id: str) -> None:
    assert "chat_id" in problem(service.get(f"/v1/chats/{chat_id}"), 400, "invalid-request")["detail"]


def test_reverse_look_up_accepts_no_parameters(service: Service) -> None:
    assert "expand" in problem(service.get("/v1/chats/1437?expand=chat"), 400, "invalid-request")["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v2/chats", "/v1/chat", "/v1/chats/1437/members", "/V1/CHATS", "/v1/chats/", "/health/",
        "/favicon.ico", "/v1//chats", "/.env", "/%D1%87%D0%B0%D1%82", "/v1/chats/%2e%2e/health",
    ],
)  # fmt: skip
def test_unknown_route_is_not_found(service: Service, path: str) -> None:
    problem(service.get(path), 404, "route-not-found")
    assert only_line(service)["route"] == "$default"


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("POST", "/v1/chats", "DELETE, GET"),
        ("PUT", "/v1/chats", "DELETE, GET"),
        ("PATCH", f"/v1/chats?{PAIR}", "DELETE, GET"),
        ("OPTIONS", "/v1/chats", "DELETE, GET"),
        ("DELETE", "/v1/chats/1437", "GET"),
        ("POST", "/v1/chats/1437", "GET"),
        ("POST", "/health", "GET, HEAD"),
        *((verb, f"/bitrix24/{page}", "GET, HEAD, POST") for verb in ("PUT", "OPTIONS") for page in PAGES),
        *((verb, "/v1/chats/batch", "POST") for verb in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")),
    ],
)
def test_verb_without_a_route_is_refused_with_the_allowed_ones(
    service: Service, verb: str, path: str, allowed: str
) -> None:
    reply = service.request(verb, path)

    body = problem(reply, 405, "method-not-allowed")
    assert reply.headers["allow"] == allowed
    assert all(each in body["detail"] for each in allowed.split(", "))


ADDRESSES = (
    *("/health", "/v1/chats", "/v1/chats/7", "/v1/chats/batch", "/v1/objects/deal/7/chats", "/v1/objects/chats/batch"),
    *(f"/v1/page/{each}" for each in ("session", "find", "doctor", "keys", "keys/a", "keys/a/b", "nothing")),
    *(f"/bitrix24/{page}" for page in PAGES),
)
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.mark.parametrize("path", ADDRESSES)
def test_refused_verb_names_those_verbs_that_the_path_answers_and_no_other(service: Service, path: str) -> None:
    for address in (path, f"{path}/"):
        replies = {verb: service.request(verb, address) for verb in VERBS}
        assert {reply.headers["x-content-type-options"] for reply in replies.values() if reply.body} == {"nosniff"}
        absent = {verb for verb, reply in replies.items() if b"route-not-found" in reply.body}
        refused = {verb: reply.headers["allow"] for verb, reply in replies.items() if reply.status == 405}
        answered = sorted(replies.keys() - absent - refused.keys())

        named = {tuple(each for each in allowed.split(", ") if each != "HEAD") for allowed in refused.values()}
        assert named == ({tuple(answered)} if answered else set())
        assert absent == (set() if answered else set(VERBS))


def test_head_is_refused_with_the_allowed_verbs(service: Service) -> None:
    reply = service.request("HEAD", f"/v1/chats?{PAIR}")

    assert (reply.status, reply.headers["allow"], reply.body) == (405, "DELETE, GET", b"")


@pytest.mark.parametrize("path", ["/nowhere", "/v1/chats/1437/members"])
def test_unknown_route_is_not_found_without_a_key(service: Service, path: str) -> None:
    problem(service.get(path, {}), 404, "route-not-found")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", ""])
def test_body_of_a_get_is_ignored(service: Service, content_type: str) -> None:
    headers = {"X-Api-Key": service.api_key, **({"Content-Type": content_type} if content_type else {})}

    reply = service.request("GET", f"/v1/chats?{PAIR}", headers, b"entity_type=LINES&\xff\x00")

    assert (reply.status, reply.json["chat_id"]) == (200, 1437)


def test_health_needs_no_key_and_makes_no_portal_call(service: Service) -> None:
    reply = service.get("/health", {})

    assert (reply.status, reply.json["status"]) == (200, "ok")
    assert len(reply.json["layer"]) == 64
    assert service.calls() == []


# -- pairs -------------------------------------------------------------------------------------------------------------


EMOJI = "👩🏽‍🚀"

SEPARATED = [
    ("A#B", "C"),
    ("A", "B#C"),
    ("A|B", "C"),
    ("A", "B|C"),
    ('A","B', "C"),
    ("A", 'B","C'),
    ("A\\", "B"),
    ("A", "\\B"),
    ("A B", "C"),
    ("A", "B C"),
    ("AB", "C"),
    ("A", "BC"),
]


def test_pairs_that_differ_in_the_place_of_a_separator_are_distinct(service: Service) -> None:
    ids = {
        pair: service.control("/chats", {"entity_type": pair[0], "entity_id": pair[1]})["chat_id"] for pair in SEPARATED
    }

    fetched = {pair: found(service.look_up(*pair)) for pair in SEPARATED}
    service.cold_start()
    cached = {pair: found(service.look_up(*pair)) for pair in SEPARATED}

    for answers, source in ((fetched, "portal"), (cached, "cache")):
        assert {pair: answer["chat_id"] for pair, answer in answers.items()} == ids
        assert {answer["source"] for answer in answers.values()} == {source}


@pytest.mark.parametrize(("known", "unknown"), [*itertools.pairwise(SEPARATED[:4])], ids=str)
def test_cached_pair_does_not_answer_for_a_similar_one(
    service: Service, known: tuple[str, str], unknown: tuple[str, str]
) -> None:
    body = {"result": {"ID": 4711}}
    service.control("/faults", [{"method": "im.chat.get", "body": body, "times": 1}])
    found(service.look_up(*known))
    service.control("/faults", {"method": "im.chat.get", "body": {"result": None}})

    problem(service.look_up(*unknown), 404, "chat-not-found")
    assert found(service.look_up(*known))["source"] == "cache"


def test_255_emoji_in_each_part_are_a_valid_pair(service: Service) -> None:
    emoji = "".join(itertools.islice(itertools.cycle("😀🦊"), 255))
    others = [(emoji, emoji), (emoji[:-1] + "🐳", emoji), (emoji, emoji[:-1] + "🐳"), (emoji[:-1], emoji)]
    ids = [service.control("/chats", {"entity_type": a, "entity_id": b})["chat_id"] for a, b in others]

    for source in ("portal", "cache"):
        answers = [found(service.look_up(*pair)) for pair in others]
        assert [answer["chat_id"] for answer in answers] == ids
        assert {answer["source"] for answer in answers} == {source}
        service.cold_start()


def test_256_emoji_are_refused(service: Service) -> None:
    body = problem(service.look_up("CRM", "😀" * 256), 400, "invalid-request")

    assert "256" in body["detail"]


def test_pair_of_joined_emoji_is_kept_unchanged(service: Service) -> None:
    entity_id = EMOJI * (255 // len(EMOJI))
    chat_id = service.control("/chats", {"entity_type": "OWN", "entity_id": entity_id})["chat_id"]

    answer = found(service.look_up("OWN", entity_id))

    assert (answer["chat_id"], answer["entity_id"]) == (chat_id, entity_id)


@pytest.mark.parametrize("part", ["entity_type", "entity_id"])
def test_half_an_emoji_is_refused(service: Service, part: str) -> None:
    pair = {"entity_type": "OWN", "entity_id": "x", part: "%ED%A0%BD"}

    problem(service.get(f"/v1/chats?entity_type={pair['entity_type']}&entity_id={pair['entity_id']}"), 400,
            "invalid-request")  # fmt: skip


# -- keys --------------------------------------------------------------------------------------------------------------


PATH = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663"
DETAILS = PATH + "&expand=chat"
REVERSE = "/v1/chats/1437"
DAY = 24 * 3600


def new_key(service: Service, *scopes: str, **fields: object) -> str:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=scopes, **fields)
    service.mark()
    return str(made["key"])


def send(service: Service, key: str, path: str = PATH, verb: str = "GET") -> Reply:
    return service.request(verb, path, {"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("header", ["X-Api-Key", "x-api-key", "X-API-KEY"])
def test_key_is_accepted_in_x_api_key(service: Service, header: str) -> None:
    found(service.get(PATH, {header: service.api_key}))


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_key_is_accepted_as_bearer_token(service: Service, scheme: str) -> None:
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
def test_request_without_a_valid_key_is_refused(
    service: Service, headers: dict[str, str], verb: str, path: str
) -> None:
    reply = service.request(verb, path, headers)

    problem(reply, 401, "key-rejected")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert only_line(service)["status"] == 401
    assert service.calls() == []


def test_key_in_the_query_is_refused(service: Service) -> None:
    problem(service.get(f"{PATH}&api_key={service.api_key}", {}), 401, "key-rejected")


def test_bearer_key_takes_precedence_over_x_api_key(service: Service) -> None:
    headers = {"Authorization": "Bearer clk_0123456789abcdef0123456789abcdef", "X-Api-Key": service.api_key}

    problem(service.get(PATH, headers), 401, "key-rejected")


def test_expired_key_is_refused(service: Service) -> None:
    key = new_key(service, "lookup", expires_in_days=2)

    service.clock.advance(2 * DAY - 60)
    found(send(service, key))
    service.clock.advance(61)
    problem(send(service, key), 401, "key-rejected")


def test_expired_key_in_the_memory_of_a_process_is_refused(service: Service) -> None:
    key = new_key(service, "lookup", expires_in_days=2)
    service.clock.advance(2 * DAY - 10)
    found(send(service, key))

    service.clock.advance(11)

    problem(send(service, key), 401, "key-rejected")


def test_revoked_key_is_refused_at_once_by_the_process_that_revoked_it(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"])
    found(send(service, made["key"]))

    service.admin("keys.revoke", portal=service.member_id, key_id=made["key_id"])

    problem(send(service, made["key"]), 401, "key-rejected")


def keys_elsewhere(service: Service) -> Keys:
    """The keys of another process."""
    table = Table(service.stack.backend.aws.dynamodb(), "PortalTable")
    return Keys(table, Portals(table, service.clock), service.clock)


def test_key_revoked_by_another_process_is_refused_within_30_seconds(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"])
    found(send(service, made["key"]))

    # On the same table, but with its own memory.
    keys_elsewhere(service).revoke(service.member_id, made["key_id"])
    service.clock.advance(30)

    problem(send(service, made["key"]), 401, "key-rejected")


def test_revoked_key_in_constant_use_is_refused_within_32_seconds(service: Service) -> None:
    made = service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"])
    found(send(service, made["key"]))
    keys_elsewhere(service).revoke(service.member_id, made["key_id"])

    statuses = []
    for _ in range(4):
        service.clock.advance(8)
        statuses.append(send(service, made["key"]).status)

    assert statuses[-1] == 401


def test_revoking_one_key_keeps_the_other_keys_of_the_portal(service: Service) -> None:
    one, other = (
        service.admin("keys.create", portal=service.member_id, label="a test", scopes=["lookup"]) for _ in range(2)
    )
    service.admin("keys.revoke", portal=service.member_id, key_id=one["key_id"])

    found(send(service, other["key"]))


@pytest.mark.parametrize(
    ("scope", "verb", "path"),
    [
        ("lookup", "GET", DETAILS),
        ("lookup", "GET", REVERSE),
        ("details", "GET", PATH),
        ("details", "DELETE", PATH),
    ],
)
def test_key_without_the_needed_scope_is_refused(service: Service, scope: str, verb: str, path: str) -> None:
    needed = "details" if scope == "lookup" else "lookup"
    key = new_key(service, scope)

    body = problem(send(service, key, path, verb), 403, "scope-missing")

    assert needed in body["detail"]
    assert service.calls() == []


def test_scopes_are_checked_before_parameters(service: Service) -> None:
    problem(send(service, new_key(service, "lookup"), "/v1/chats/x"), 403, "scope-missing")


def test_key_gets_answers_of_its_own_portal_only(service: Service) -> None:
    webhook_url = service.stack.target.endpoint.base_url
    service.admin("portal.add_webhook", webhook_url=webhook_url, member_id="another")
    key = service.admin("keys.create", portal="another", label="a test", scopes=["lookup"])["key"]
    found(service.look_up("CRM", "DEAL|1663"))

    answer = found(send(service, key))

    assert answer["source"] == "portal", "answer of another portal's cache"
