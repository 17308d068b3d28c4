"""The vendor's Python SDK in webhook mode: the same call on the local portal and on `make run`, compared."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import urllib3

from tests.rest_corpus import sdk as rest_sdk
from tests.rest_corpus.sdk import Outcome, Sdk, outcome
from tests.support.processes import programs
from tests.support.processes.run import Running, staying
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "sdks.md").read_text("utf-8")
INTERPRETERS = {"sh": ("bash", "-euc"), "python": (sys.executable, "-c")}
PAIR = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
LINE = "telegrambot|2|209607941|744"
PAIRS = (("CRM", "DEAL|1663"), ("CRM", "LEAD|13"), ("LINES", LINE), ("CHAT", "13"), ("CRM", "DEAL|404"))
PORTAL_ERRORS = ("100", "OVERLOAD_LIMIT", "PORTAL_DELETED", "ERROR_UNEXPECTED_ANSWER", "OPERATION_TIME_LIMIT")
NO_ACCESS = ("im.dialog.get", {"DIALOG_ID": "chat404"})
RECOVERED_AFTER_S = 1_200
TIMES = ("time", "result_time")


@dataclass(frozen=True)
class Sdks:
    """One portal, with an SDK for its webhook and one for the service."""

    run: Running
    portal: Sdk
    service: Sdk

    def control(self, path: str, body: object) -> Any:
        url = self.run.facts["control_url"] + path
        with urllib3.PoolManager(retries=False, timeout=20) as http:
            response = http.request("POST", url, body=json.dumps(body))
        assert response.status == 200, response.data
        return response.json()

    @contextmanager
    def fault(self, **fault: object) -> Iterator[None]:
        """Within the context, the portal has the fault; at its end the clock advances until the service recovers."""
        self.control("/faults", fault)
        yield
        self.control("/faults", [])
        self.control("/clock", {"advance_s": RECOVERED_AFTER_S})

    def outcomes(self, call: Callable[[Sdk], object]) -> tuple[Outcome, Outcome]:
        """Return the outcomes on the portal and on the service."""
        return outcome(call, self.portal), outcome(call, self.service)


@pytest.fixture(scope="module")
def sdks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdks]:
    with staying(tmp_path_factory.mktemp("sdk")) as run:
        facts = run.facts
        portal = rest_sdk.of_webhook(facts["webhook_url"])
        service = rest_sdk.of_service(facts["api_https_url"], facts["api_key"])
        with rest_sdk.trusting(facts["ca_file"]):
            yield Sdks(run, portal, service)


def look_up(sdk: Sdk, entity_type: str, entity_id: str | int) -> object:
    return sdk.get_client().im.chat.get(entity_type=entity_type, entity_id=entity_id).result


def batch(sdk: Sdk, methods: object, **options: object) -> object:
    """Return the answer to a batch without its times."""
    result = sdk.call_batch(methods, **options)["result"]
    return {name: value for name, value in result.items() if name not in TIMES}


def fifty() -> list[tuple[str, dict[str, str]]]:
    return [("im.chat.get", {"ENTITY_TYPE": kind, "ENTITY_ID": key}) for kind, key in PAIRS * 10]


def fifty_by_the_client(sdk: Sdk) -> object:
    """Send a batch by the SDK's scopes; its answer contains lazy objects."""
    client = sdk.get_client()
    requests = [client.im.chat.get(entity_type=kind, entity_id=key) for kind, key in PAIRS * 10]
    found = client.call_batch(requests).result
    return found.result, found.result_error


# Calls, and the result of the SDK for each on both sides.
RESULTS: dict[str, tuple[Callable[[Sdk], object], object]] = {
    "im.chat.get by the SDK's own scope": (lambda sdk: look_up(sdk, "CRM", "DEAL|1663"), {"ID": 1437}),
    "the same again, from the cache": (lambda sdk: look_up(sdk, "CRM", "DEAL|1663"), {"ID": 1437}),
    "a line's key": (lambda sdk: look_up(sdk, "LINES", LINE), {"ID": 1764}),
    "a number for a key": (lambda sdk: look_up(sdk, "CHAT", 13), {"ID": 2725}),
    "imbot.chat.get by raw call": (lambda sdk: sdk.call_method("imbot.chat.get", PAIR)["result"], {"ID": 1437}),
    "not found": (lambda sdk: look_up(sdk, "CRM", "DEAL|404"), None),
    "half a pair": (lambda sdk: sdk.call_method("im.chat.get", {"ENTITY_TYPE": "CRM"})["result"], None),
    "no parameters": (lambda sdk: sdk.call_method("im.chat.get")["result"], None),
    "the methods that there are": (
        lambda sdk: sdk.get_client().method.get(name="im.chat.get").result,
        {"isExisting": True, "isAvailable": True},
    ),
}


@pytest.mark.parametrize(("call", "expected"), RESULTS.values(), ids=RESULTS)
def test_call_has_the_same_result_on_portal_and_service(
    sdks: Sdks, call: Callable[[Sdk], object], expected: object
) -> None:
    on_portal, on_service = sdks.outcomes(call)

    assert on_portal == on_service == ("result", expected)


BATCHES: dict[str, Callable[[Sdk], object]] = {
    "fifty in a list": lambda sdk: batch(sdk, fifty()),
    "fifty under names": lambda sdk: batch(sdk, {f"k{place}": each for place, each in enumerate(fifty())}),
    "fifty by the client": fifty_by_the_client,
    "one that fails among others": lambda sdk: batch(
        sdk,
        {"a": fifty()[0], "no": ("im.nothing", {}), "d": ("im.dialog.get", {"DIALOG_ID": "chat404"}), "b": fifty()[1]},
    ),
    "halted where one fails": lambda sdk: batch(sdk, [fifty()[0], ("im.nothing", {}), fifty()[1]], halt=True),
    "one that refers to another": lambda sdk: batch(
        sdk, {"a": fifty()[0], "b": ("im.dialog.get", {"DIALOG_ID": "chat$result[a][ID]"})}
    ),
    "a hundred and twenty, in three": lambda sdk: sdk.call_batches((fifty() * 3)[:120])["result"]["result"],
}


@pytest.mark.parametrize("call", BATCHES.values(), ids=BATCHES)
def test_batch_has_the_same_result_on_portal_and_service(sdks: Sdks, call: Callable[[Sdk], object]) -> None:
    on_portal, on_service = sdks.outcomes(call)

    assert on_portal[0] == "result"
    assert on_portal == on_service


def test_batch_of_fifty_finds_each_chat(sdks: Sdks) -> None:
    found = sdks.service.call_batch(fifty())["result"]

    assert found["result"] == [{"ID": 1437}, {"ID": 10}, {"ID": 1764}, {"ID": 2725}, None] * 10
    assert found["result_error"] == []


def test_calls_by_which_clients_test_a_connection_are_answered(sdks: Sdks) -> None:
    user = sdks.service.call_method("user.current")["result"]
    profile = sdks.portal.call_method("profile")["result"]
    assert user == {name: profile[name] for name in ("ID", "NAME", "LAST_NAME", "ADMIN")}
    for sdk in (sdks.portal, sdks.service):
        assert datetime.fromisoformat(sdk.call_method("server.time")["result"]).tzinfo is not None


def test_unknown_method_raises_the_same_error(sdks: Sdks) -> None:
    on_portal, on_service = sdks.outcomes(lambda sdk: sdk.call_method("im.nothing", PAIR))

    assert on_portal == on_service
    assert raised(on_service) == "BitrixAPINotFound"


def test_wrong_key_raises_the_error_of_a_wrong_webhook(sdks: Sdks) -> None:
    facts = sdks.run.facts
    wrong_code = rest_sdk.of_webhook(f"{facts['portal_url']}/rest/1/0123456789abcdef/")
    wrong_key = rest_sdk.of_service(facts["api_https_url"], "clk_0123456789abcdef0123456789abcdef")

    def call(sdk: Sdk) -> object:
        return look_up(sdk, "CRM", "DEAL|1663")

    assert outcome(call, wrong_code) == outcome(call, wrong_key)
    assert raised(outcome(call, wrong_key)) == "BitrixAPIInvalidCredentials"


def test_limit_beyond_the_deadline_raises_the_same_error(sdks: Sdks) -> None:
    with sdks.fault(method="im.chat.get", error="QUERY_LIMIT_EXCEEDED"):
        on_portal, on_service = sdks.outcomes(lambda sdk: look_up(sdk, "CRM", "DEAL|4711"))

    # And no BitrixRequestTimeout: each attempt of the SDK was answered before its read timeout.
    assert on_portal == on_service
    assert raised(on_service) == "BitrixAPIQueryLimitExceeded"


def test_inaccessible_chat_raises_the_same_error(sdks: Sdks) -> None:
    on_portal, on_service = sdks.outcomes(lambda sdk: sdk.call_method(*NO_ACCESS))

    assert on_portal == on_service
    assert raised(on_service) == "BitrixAPIAccessError"


@pytest.mark.parametrize("error", PORTAL_ERRORS)
def test_error_of_the_portal_raises_the_same_error(sdks: Sdks, error: str) -> None:
    with sdks.fault(method="im.dialog.get", error=error):
        on_portal, on_service = sdks.outcomes(lambda sdk: sdk.call_method("im.dialog.get", {"DIALOG_ID": "chat10"}))

    assert on_portal[0] == "raised"
    assert on_portal == on_service


@pytest.mark.parametrize(("language", "interpreter"), INTERPRETERS.items(), ids=INTERPRETERS)
def test_lines_of_the_sdk_page_work_as_printed(sdks: Sdks, language: str, interpreter: tuple[str, str]) -> None:
    facts = sdks.run.facts
    lines = next(block for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if "<host>" in block)
    lines = lines.replace("<host>", facts["api_https_url"].removeprefix("https://")).replace("<KEY>", facts["api_key"])
    # Print the expressions of the page.
    lines = re.sub(r"^(portal\..*?)( +#.*)?$", r"print(\1)", lines, flags=re.MULTILINE)

    environ = {**os.environ, "CURL_CA_BUNDLE": facts["ca_file"]}
    done = programs.run([*interpreter, lines], env=environ, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "1437" in done.stdout


def raised(found: Outcome) -> str:
    kind, error = found
    assert kind == "raised"
    assert isinstance(error, type)
    return error.__name__
