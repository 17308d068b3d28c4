"""Batches over real TLS: against the local portal, and against a scripted one with invalid replies."""

import json
import logging
import traceback
from collections.abc import Iterator

import pytest

from chat_lookup.bitrix24.client import BatchAnswer, Bitrix24Client, Command, Endpoint
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.clock import Deadline, SystemClock
from tests.support.portals.portal_probe import PortalProbe
from tests.support.portals.scripted_portal import CODE, Script, answer, client_of, cut, result, scripted, silence, soon

HOSTILE_IDS = [
    'a&b=c|%7C"ü\\', "DEAL|1663&ENTITY_TYPE=LINES", "😀|Иван", "[x]", "a[b][]=c", "x#fragment?y=1", "100% of $ 5",
    "a+b", "%", "//host:80/path", "' OR 1=1 --", "k0", "x;y", "~_-.!*()", "\u00a0", "٣",
]  # fmt: skip
REFERENCE = "$result[k0][ID]"
QUOTING = {"result": {"k9": f"/rest/1/{CODE}/"}, "result_error": {"k0": {"error": CODE, "error_description": CODE}}}
"""Containers of a portal that echoes the secret of the webhook, under a key that was not sent."""


class Portal:
    """The local portal and a client that may call it."""

    def __init__(self, probe: PortalProbe) -> None:
        self.probe = probe
        self.endpoint = Endpoint.from_webhook(probe.portal.webhook_url)
        ca_pem = probe.portal.ca_file.read_text()
        self.client = Bitrix24Client(SystemClock(), local_hosts=frozenset({self.endpoint.host}), ca_pem=ca_pem)

    def batch(self, *commands: Command) -> BatchAnswer:
        return self.client.batch(self.endpoint, commands, soon())

    def bind(self, entity_id: str) -> int:
        """Create a chat that is bound to the pair; return its id."""
        chat_id: int = self.probe.tell("/chats", {"entity_type": "CRM", "entity_id": entity_id})["chat_id"]
        return chat_id


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture
def portal(probe: PortalProbe) -> Portal:
    probe.tell("/reset", {})
    probe.tell("/shape", {"result": "object"})
    return Portal(probe)


def look_up(entity_id: str, method: str = "im.chat.get") -> Command:
    return Command(method, {"ENTITY_TYPE": "CRM", "ENTITY_ID": entity_id})


def results(batch: BatchAnswer) -> list[object]:
    """Return the result of each command, or its error code."""
    return [each.code if isinstance(each, BitrixError) else each and each.result for each in batch.outcomes]


def test_fifty_look_ups_are_one_request_with_fifty_outcomes(portal: Portal) -> None:
    bound = {number: portal.bind(f"DEAL|{5000 + number}") for number in range(0, 50, 2)}

    batch = portal.batch(*(look_up(f"DEAL|{5000 + number}") for number in range(50)))

    assert results(batch) == [{"ID": bound[number]} if number in bound else None for number in range(50)]
    assert all(each is not None for each in batch.outcomes)
    assert len(portal.probe.calls()) == 1


def test_batch_reports_found_not_found_and_refused_commands_separately(portal: Portal) -> None:
    portal.probe.tell("/faults", {"method": "imbot.chat.get", "error": "insufficient_scope"})
    details = Command("im.dialog.get", {"DIALOG_ID": "chat999999"})

    batch = portal.batch(look_up("DEAL|1663"), look_up("DEAL|0"), look_up("DEAL|1663", "imbot.chat.get"), details)

    assert results(batch) == [{"ID": 1437}, None, "insufficient_scope", "ACCESS_ERROR"]
    errors = [each for each in batch.outcomes if isinstance(each, BitrixError)]
    assert [error.error_class for error in errors] == [ErrorClass.CONFIG, ErrorClass.OBJECT]
    assert errors[0].description == ""


def test_spent_operating_budget_refuses_single_commands_under_status_200(portal: Portal) -> None:
    portal.probe.tell("/plan", {"operating_limit": 1, "operating_cost_ms": 400})

    batch = portal.batch(*(look_up("DEAL|1663") for _ in range(4)), look_up("DEAL|1663", "imbot.chat.get"))

    limit = "OPERATION_TIME_LIMIT"
    assert results(batch) == [{"ID": 1437}, {"ID": 1437}, {"ID": 1437}, limit, {"ID": 1437}]
    billed = [None if isinstance(each, BitrixError) else each and each.time.operating for each in batch.outcomes]
    assert billed == [0.4, 0.8, 1.2, None, 0.4]


@pytest.mark.parametrize("shape", ["object", "int"])
def test_result_keeps_the_shape_that_the_portal_sends(portal: Portal, shape: str) -> None:
    portal.probe.tell("/shape", {"result": shape})

    assert results(portal.batch(look_up("DEAL|1663"))) == [{"ID": 1437} if shape == "object" else 1437]


def test_commands_not_run_by_a_halted_batch_have_no_outcome(portal: Portal) -> None:
    halted = {"result": {"k0": {"ID": 7}}, "result_error": {"k1": {"error": "ACCESS_ERROR"}}, "result_time": []}
    portal.probe.tell("/faults", {"method": "batch", "body": {"result": halted}})

    batch = portal.batch(*(look_up(f"DEAL|{number}") for number in range(4)))

    assert results(batch) == [{"ID": 7}, "ACCESS_ERROR", None, None]
    assert batch.outcomes[2:] == (None, None)


def test_failed_command_does_not_halt_the_next_ones(portal: Portal) -> None:
    batch = portal.batch(Command("no.such.method", {}), look_up("DEAL|1663"))

    assert results(batch) == ["ERROR_METHOD_NOT_FOUND", {"ID": 1437}]


def test_ids_with_special_characters_find_their_own_chats(portal: Portal) -> None:
    bound = {entity_id: portal.bind(entity_id) for entity_id in HOSTILE_IDS}

    batch = portal.batch(*map(look_up, bound))

    assert results(batch) == [{"ID": chat_id} for chat_id in bound.values()]


def test_id_that_looks_like_a_batch_reference_needs_a_single_call(portal: Portal) -> None:
    chat_id = portal.bind(REFERENCE)
    with pytest.raises(ValueError, match="called alone"):
        portal.batch(look_up("DEAL|1663"), look_up(REFERENCE))
    assert portal.probe.calls() == []

    alone = look_up(REFERENCE)
    assert portal.client.call(portal.endpoint, alone.method, alone.params, soon()).result == {"ID": chat_id}


def test_batch_of_51_commands_is_refused_before_any_request(portal: Portal) -> None:
    with pytest.raises(ValueError, match="1 to 50"):
        portal.batch(*(look_up(f"DEAL|{number}") for number in range(51)))

    assert portal.probe.calls() == []


def test_batch_refused_as_a_whole_raises_the_error_of_the_portal(portal: Portal) -> None:
    portal.probe.tell("/plan", {"rate": 0.001, "burst": 1})
    portal.batch(look_up("DEAL|1663"))

    with pytest.raises(BitrixError) as caught:
        portal.batch(look_up("DEAL|1663"))
    assert (caught.value.code, caught.value.status) == ("QUERY_LIMIT_EXCEEDED", 503)


def test_access_token_is_sent_beside_the_commands_and_not_within_them() -> None:
    done = {"result": {"k0": {"ID": 1}}, "result_error": []}
    with scripted(answer(body={"result": done, "time": {"operating": 3.5}})) as portal:
        endpoint = Endpoint(f"https://127.0.0.1:{portal.port}/rest/", auth="t0ken")
        batch = client_of(portal).batch(endpoint, [look_up("DEAL|1")], soon())

    (request,) = portal.requests
    assert request.line == "POST /rest/batch HTTP/1.1"
    sent = {"halt": 0, "cmd": {"k0": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1"}, "auth": "t0ken"}
    assert json.loads(request.body) == sent
    assert batch.time.operating == 3.5


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (cut(), "TRANSPORT"),
        (answer(502, b"<html>"), "HTTP_5XX"),
        (result([]), "PROTOCOL"),
        (result({"result": {"k7": {"ID": 1}}}), "PROTOCOL"),
    ],
)
def test_batch_without_outcomes_raises_one_error_after_one_request(script: Script, code: str) -> None:
    with scripted(script) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).batch(portal.endpoint(), [look_up("DEAL|1")], soon())

    assert (caught.value.metric_code, caught.value.error_class) == (code, ErrorClass.RETRY)
    assert len(portal.requests) == 1


def test_slow_batch_ends_at_the_read_timeout_before_its_deadline() -> None:
    with scripted(silence) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).batch(portal.endpoint(), [look_up("DEAL|1")], soon(), read_seconds=0.2)

    assert caught.value.metric_code == "TIMEOUT"


def test_batch_ends_at_its_deadline() -> None:
    with scripted(silence) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).batch(portal.endpoint(), [look_up("DEAL|1")], Deadline.after(0.3, SystemClock()))

    assert caught.value.metric_code == "TIMEOUT"


def test_secret_echoed_in_a_batch_reply_is_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), scripted(result(QUOTING)) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).batch(portal.endpoint(), [look_up("DEAL|1")], soon())

    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert CODE not in "".join(trace.format()) + repr(vars(caught.value)) + caplog.text
