"""A command reaches the version of callers in the environment that was named, once, or is refused in one line."""

import io
import json
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.response import StreamingBody

from tests.support.stubbed_clients import StubbedClients
from tools.environment import Environment
from tools.lookup import target
from tools.lookup.case import Refused
from tools.lookup.target import Target, found, of_stack

STAGING = Environment("staging", "chat-lookup-staging", "eu-central-1", True, {}, {})
EVENT = {"command": "portals"}


def described(*outputs: str) -> dict[str, Any]:
    return {
        "Stacks": [
            {
                "StackName": "chat-lookup-staging",
                "CreationTime": "2026-11-29",
                "StackStatus": "UPDATE_COMPLETE",
                "Outputs": [{"OutputKey": f"{name}Name", "OutputValue": f"it-{name}:live"} for name in outputs],
            }
        ]
    }


def payload(content: str) -> StreamingBody:
    return StreamingBody(io.BytesIO(content.encode()), len(content))


def answered(clients: StubbedClients, content: str, **more: object) -> Target:
    """A stack whose AdminFunction answers once."""
    clients.expect("cloudformation", "describe_stacks", described("AdminFunction"), StackName=STAGING.stack)
    clients.expect(
        "lambda",
        "invoke",
        {"Payload": payload(content), **more},
        FunctionName="it-AdminFunction",
        Qualifier="live",
        Payload=json.dumps(EVENT).encode(),
    )
    return of_stack(STAGING, clients)


def test_function_of_a_stack_is_invoked_by_its_output_and_the_alias_of_callers(clients: StubbedClients) -> None:
    assert answered(clients, '{"portals": []}').invoke("AdminFunction", EVENT) == {"portals": []}


@pytest.mark.parametrize(("end", "seconds"), [("", None), ("; try again in 12 s", 12.0)])
def test_error_of_a_function_is_a_refusal_of_its_name(clients: StubbedClients, end: str, seconds: float | None) -> None:
    content = {"errorType": "PortalBusy", "errorMessage": f"No slot is free{end}", "stackTrace": ["  File x\n"] * 2}
    with pytest.raises(Refused) as raised:
        answered(clients, json.dumps(content), FunctionError="Unhandled").invoke("AdminFunction", EVENT)
    assert (raised.value.kind, raised.value.detail) == ("PortalBusy", f"No slot is free{end}")
    assert raised.value.retry_after == seconds


def test_answer_that_is_no_json_is_a_refusal(clients: StubbedClients) -> None:
    with pytest.raises(Refused, match="is no function"):
        answered(clients, "<html>").invoke("AdminFunction", EVENT)


def test_stack_that_is_not_deployed_is_refused_with_the_command_that_deploys_it(clients: StubbedClients) -> None:
    code, text = "ValidationError", "Stack with id chat-lookup-staging does not exist"
    clients.refuse("cloudformation", "describe_stacks", code, text, StackName=STAGING.stack)
    with pytest.raises(Refused, match="no stack chat-lookup-staging in eu-central-1: make deploy ENV=staging"):
        of_stack(STAGING, clients)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "NotReached"),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), "NoAnswer"),
        (ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"), "ConnectTimeoutError"),
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Invoke"), "AccessDeniedException"),
    ],
)
def test_function_that_cannot_be_reached_is_a_refusal_without_its_cause(error: Exception, kind: str) -> None:
    class Failing:
        def invoke(self, **_: object) -> None:
            raise error

    with pytest.raises(Refused) as raised:
        Target("dev", lambda _: Failing(), {}, {}).invoke("AdminFunction", EVENT)
    assert (raised.value.kind, raised.value.__cause__, raised.value.__suppress_context__) == (kind, None, True)
    assert "\n" not in raised.value.detail


def test_throttled_invocation_may_be_repeated() -> None:
    class Throttled:
        def invoke(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "Rate exceeded"}}, "Invoke")

    with pytest.raises(Refused) as raised:
        Target("dev", lambda _: Throttled(), {}, {}).invoke("DirectFunction", EVENT)
    assert raised.value.retry_after == 1


NO_ADDRESS: Final[tuple[object, ...]] = (
    None, 7, [], {}, "", "127.0.0.1:1", "file:///etc/passwd", "http://", "http://[::1", "http://a:99999999",
)  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", "{}", "[", "[]", "7", "[" * 50_000, '[["aws_endpoint_url", 1]]', '"text"'),
        *(json.dumps({"aws_endpoint_url": address}) for address in NO_ADDRESS),
    ],
)
def test_folder_without_a_ready_run_is_refused_with_its_name(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(Refused, match=r"run\.json is missing. Start one: make run"):
        found("local", {"STATE_DIR": str(tmp_path)})


def test_run_of_another_user_or_that_others_can_change_gets_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.json"
    file.write_text('{"aws_endpoint_url": "http://127.0.0.1:1"}')
    file.chmod(0o606)
    with pytest.raises(Refused, match="others can change it"):
        found("local", {"STATE_DIR": str(tmp_path)})
    file.chmod(0o600)
    assert found("local", {"STATE_DIR": str(tmp_path)}).facts == {"aws_endpoint_url": "http://127.0.0.1:1"}
    monkeypatch.setattr(target, "_ROOT_USER", -1)
    monkeypatch.setattr("os.getuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(Refused, match="belongs to another user"):
        found("local", {"STATE_DIR": str(tmp_path)})


@pytest.mark.parametrize("content", ["7", '"text"', "[7]", "null"])
def test_answer_that_is_no_object_is_a_refusal(clients: StubbedClients, content: str) -> None:
    with pytest.raises(Refused, match="is no function"):
        answered(clients, content).invoke("AdminFunction", EVENT)


def test_environment_without_a_region_is_refused_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(Refused, match="AWS_REGION"):
        found("dev", {})


def test_command_is_sent_once_and_waited_for_longer_than_the_function_runs() -> None:
    config: Any = target._ONCE
    assert config.retries["total_max_attempts"] == 1
    assert config.read_timeout > 60
