"""The same calls on `make run`, whose service is installed in the portal as an application, and not by a webhook."""

import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest
import urllib3

from tests.sdk.calls import BATCHES, CALLS, DIFFERENCES, Outcome, comparable, refused
from tests.sdk.clients import Python
from tests.sdk.conftest import EAGER
from tests.sdk.doors import Door, Doors
from tests.sdk.webhook_mode import trusting
from tests.support.processes.run import staying

OF_APPLICATION: Final = "the calling application"
"""The portal refuses it to a webhook; the service has an application there."""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with staying(tmp_path_factory.mktemp("run")) as run, trusting(run.facts["ca_file"]):
        facts = run.facts
        with urllib3.PoolManager(retries=False, timeout=20) as http:
            assert http.request("POST", facts["control_url"] + "/plan", body=json.dumps(EAGER)).status == 200
        webhook, service = urlsplit(facts["webhook_url"]), urlsplit(facts["api_https_url"])
        code = webhook.path.removeprefix("/rest/").rstrip("/")
        yield Doors(
            Door("portal", "webhook", webhook.netloc, code),
            Door("service", "webhook", service.netloc, f"1/{facts['api_key']}"),
        )


def test_b24pysdk_gets_the_same_from_a_service_that_is_an_application_but_for_the_differences(doors: Doors) -> None:
    python, found = Python(), dict[str, tuple[Outcome, ...]]()
    for name, call in CALLS.items():
        if not call.fault:
            found[name] = tuple(comparable(name, python.call(door, call.method, call.params)) for door in doors)

    differing = {name: pair for name, pair in found.items() if pair[0] != pair[1]}
    assert differing.keys() == DIFFERENCES.keys()
    on_portal, on_service = differing[OF_APPLICATION]
    assert on_portal == refused("ACCESS_DENIED", 400)
    assert isinstance(on_service.result, dict)
    assert (on_service.result["STATUS"], on_service.result["INSTALLED"]) == ("L", True)


@pytest.mark.parametrize("what", BATCHES)
def test_b24pysdk_gets_the_same_batch_from_a_service_that_is_an_application(doors: Doors, what: str) -> None:
    batch = BATCHES[what]
    on_portal, on_service = (Python().batch(door, batch.commands, batch.halt) for door in doors)

    assert on_portal == on_service
