"""Functions invoked by name through an SDK: synchronously, or asynchronously with Lambda's retries."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import urllib3

from chat_lookup.clock import SystemClock
from local.aws.clients import new_client
from local.aws.function_output import FunctionOutput
from local.aws.lambda_api import Invocations
from local.aws.lambda_runtime import Functions
from tests.support.events.queue_scene import REGION, Scene, scene
from tests.support.processes.waiting import LONGEST_S, until

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# Fails as often as the event demands, and notes each attempt.
HANDLER = """
import pathlib

def handler(event, context):
    with open(event["notes"], "a") as notes:
        notes.write(context.aws_request_id + "\\n")
    if len(pathlib.Path(event["notes"]).read_text().splitlines()) <= event.get("failures", 0):
        raise ValueError("broken")
    return {"seen": event["notes"]}
"""


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker/app.py").write_text(HANDLER)
    with scene(tmp_path) as found:
        yield found


@pytest.fixture
def invocations(stores: Scene, tmp_path: Path) -> Iterator[Invocations]:
    functions = Functions(stores.template, FunctionOutput(tmp_path / "log.jsonl"))

    def deliver(queue: str, body: str) -> None:
        stores.sqs.send_message(QueueUrl=stores.aws.queue_url(queue), MessageBody=body)

    found = Invocations(functions, deliver, SystemClock(), pauses_s=(0, 0))
    stores.aws.serve_functions(found)
    yield found
    found.stop()


@pytest.fixture
def client(stores: Scene, invocations: Invocations) -> "LambdaClient":
    assert invocations
    made = new_client("lambda", endpoint_url=stores.aws.endpoint_url, region_name=REGION)
    return cast("LambdaClient", made)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def tries(notes: Path) -> int:
    return len(notes.read_text().splitlines()) if notes.exists() else 0


def in_background(client: "LambdaClient", **event: object) -> Any:
    return client.invoke(FunctionName="Worker", InvocationType="Event", Payload=json.dumps(event).encode())


def test_synchronous_invocation_returns_the_answer(client: "LambdaClient", notes: Path) -> None:
    answer = client.invoke(FunctionName="Worker", Payload=json.dumps({"notes": str(notes)}).encode())

    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"seen": str(notes)}


@pytest.mark.parametrize("called", ["Worker:live", "arn:aws:lambda:us-east-1:123456789012:function:Worker:live"])
def test_function_is_invoked_by_its_alias_and_its_arn(client: "LambdaClient", notes: Path, called: str) -> None:
    client.invoke(FunctionName=called, Payload=json.dumps({"notes": str(notes)}).encode())

    assert tries(notes) == 1


def test_synchronous_invocation_returns_the_failure_and_is_not_retried(client: "LambdaClient", notes: Path) -> None:
    event = {"notes": str(notes), "failures": 1}
    answer = client.invoke(FunctionName="Worker", Payload=json.dumps(event).encode())

    assert answer["FunctionError"] == "Unhandled"
    failure = json.loads(answer["Payload"].read())
    assert (failure["errorType"], failure["errorMessage"]) == ("ValueError", "broken")
    assert tries(notes) == 1


def test_asynchronous_invocation_is_answered_before_it_ends(client: "LambdaClient", notes: Path) -> None:
    assert in_background(client, notes=str(notes))["StatusCode"] == 202

    until(lambda: tries(notes) == 1)


def test_failed_asynchronous_invocation_is_retried_twice(client: "LambdaClient", notes: Path, stores: Scene) -> None:
    in_background(client, notes=str(notes), failures=2)
    until(lambda: tries(notes) == 3)

    assert stores.left(stores.dead) == 0


def test_third_failure_sends_a_record_to_the_queue_that_the_template_names(
    client: "LambdaClient", notes: Path, stores: Scene
) -> None:
    event = {"notes": str(notes), "failures": 9}
    request_id = in_background(client, **event)["ResponseMetadata"]["RequestId"]
    (message,) = stores.received(stores.dead, wait_s=20)

    record = json.loads(message["Body"])
    assert record["requestPayload"] == event
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:Worker:live",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert tries(notes) == 3


def test_pending_retry_does_not_delay_the_stop(
    stores: Scene, tmp_path: Path, notes: Path, client: "LambdaClient"
) -> None:
    functions = Functions(stores.template, FunctionOutput(tmp_path / "other.jsonl"))
    patient = Invocations(functions, lambda *_: None, SystemClock())
    stores.aws.serve_functions(patient)
    in_background(client, notes=str(notes), failures=9)
    until(lambda: tries(notes) == 1)
    patient.stop()

    assert tries(notes) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "invocation of Worker"]


def test_stop_waits_for_an_invocation_that_is_about_to_start(
    client: "LambdaClient", invocations: Invocations, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, about_to, may = threading.Thread.start, threading.Event(), threading.Event()

    def held(thread: threading.Thread) -> None:
        if thread.name == "invocation of Worker":
            about_to.set()
            assert may.wait(LONGEST_S)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", held)
    with ThreadPoolExecutor(2) as others:
        invoked = others.submit(in_background, client, notes=str(notes))
        assert about_to.wait(LONGEST_S)
        stopped = others.submit(invocations.stop)
        until(invocations._ending.is_set)
        may.set()
        stopped.result(LONGEST_S)
        assert invoked.result(LONGEST_S)["StatusCode"] == 202


def test_unknown_function_is_refused(client: "LambdaClient") -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException, match=r":function:Unknown$"):
        client.invoke(FunctionName="Unknown")


def test_payload_that_is_not_json_is_refused(client: "LambdaClient", notes: Path) -> None:
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="Worker", InvocationType="Event", Payload=b"{")
    assert tries(notes) == 0


def test_unsigned_request_invokes_nothing(stores: Scene, invocations: Invocations, notes: Path) -> None:
    assert invocations
    url = f"{stores.aws.endpoint_url}/2015-03-31/functions/Worker/invocations"
    answer = urllib3.request("POST", url, json={"notes": str(notes)}, retries=False)

    assert answer.status == 400
    assert tries(notes) == 0
