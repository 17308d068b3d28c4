"""The whole stack in this process, which the other integration tests use."""

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chat_lookup import VERSION
from chat_lookup.errors import ChatLookupError
from local.aws.clients import new_client
from local.demo_credentials import DEMO_KEY
from local.net.host_names import resolving
from local.program import StartError
from local.stack import Settings, running
from tests.support.repository import ROOT
from tests.support.service import Service


def test_first_look_up_asks_the_portal_and_second_is_cached(service: Service) -> None:
    first, second = (service.look_up("CRM", "DEAL|1663").json for _ in range(2))

    assert (first["chat_id"], first["source"]) == (1437, "portal")
    assert (second["chat_id"], second["source"]) == (1437, "cache")
    assert len(service.calls("im.chat.get")) == 1


def test_direct_function_asks_the_default_portal(service: Service) -> None:
    assert service.direct({"entity_type": "CRM", "entity_id": "DEAL|1663"})["chat_id"] == 1437


def test_direct_function_raises_its_errors(service: Service) -> None:
    with pytest.raises(ChatLookupError):
        service.direct({"entity_type": "CRM"})


def test_direct_function_can_be_invoked_by_an_sdk_as_in_the_cloud(service: Service) -> None:
    url = service.stack.backend.aws.endpoint_url
    client: Any = new_client("lambda", endpoint_url=url, region_name="us-east-1")
    event = json.dumps({"entity_type": "CRM", "entity_id": "DEAL|1663"})

    answer = client.invoke(FunctionName="DirectFunction", Payload=event)
    assert json.loads(answer["Payload"].read())["chat_id"] == 1437
    answer = client.invoke(FunctionName="DirectFunction", Payload="{}")
    assert (answer["FunctionError"], json.loads(answer["Payload"].read())["errorType"]) == (
        "Unhandled",
        "InvalidRequest",
    )


def test_variables_of_functions_and_containers_have_the_queue_urls_with_the_right_host(
    service: Service,
) -> None:
    stack = service.stack
    elsewhere = replace(stack, settings=replace(stack.settings, portal_host="host.docker.internal"))
    port = urlsplit(stack.backend.aws.endpoint_url).port

    variables = stack.backend.variables
    assert variables["EVENT_QUEUE_URL"] == f"http://127.0.0.1:{port}/123456789012/EventQueue"
    assert variables["WORKER_FUNCTION"] == "arn:aws:lambda:us-east-1:123456789012:function:WorkerFunction:live"
    variables = elsewhere.container_variables()
    assert variables["EVENT_QUEUE_URL"] == f"http://host.docker.internal:{port}/123456789012/EventQueue"
    assert variables["AWS_ENDPOINT_URL"] == f"http://host.docker.internal:{port}"


def test_key_of_the_sample_events_opens_the_demo_portal(service: Service) -> None:
    sample = json.loads((ROOT / "events/lookup-http.json").read_text())
    answer = service.stack.backend.functions.invoke("LookupFunction", sample)

    assert isinstance(answer, dict)
    assert answer["statusCode"] == 200
    assert DEMO_KEY in sample["headers"]["authorization"]


def test_health_returns_the_stamp_that_a_build_would_write(service: Service) -> None:
    stamp = (service.stack.settings.state_dir / "task/layer-stamp").read_text().strip()

    assert len(stamp) == 64
    assert service.get("/health", headers={}).json == {"status": "ok", "version": VERSION, "layer": stamp}


def test_output_of_a_function_is_in_the_log_only(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.look_up("CRM", "DEAL|1663")

    (line,) = service.logs()
    assert (line["route"], line["status"]) == ("GET /v1/chats", 200)
    assert {"Lookups", "PortalCalls"} <= {name for blob in service.metrics() for name in blob}
    assert capsys.readouterr().out == ""


def test_clock_of_the_portal_moves_the_service_too(service: Service) -> None:
    service.look_up("CRM", "DEAL|1663")
    service.control("/clock", {"advance_s": 3600})

    assert service.look_up("CRM", "DEAL|1663").json["age_seconds"] in range(3600, 3660)


def test_reset_undoes_the_changes_of_a_test(service: Service) -> None:
    service.look_up("CRM", "DEAL|1663")
    service.control("/clock", {"advance_s": 3600})
    service.control("/scopes", {"scopes": ["imbot"]})
    service.admin("keys.revoke", portal=service.member_id, key_id=service.admin("keys.list")["keys"][0]["key_id"])

    service.reset()

    assert service.calls() == []
    assert service.look_up("CRM", "DEAL|1663").json["source"] == "portal"
    assert len(service.admin("keys.list")["keys"]) == 2


def test_invalid_webhook_url_is_refused_without_quoting_it(tmp_path: Path) -> None:
    settings = Settings(tmp_path, webhook_url="http://portal.example/rest/1/very-secret-code/")

    with pytest.raises(StartError, match="must begin with https") as refused, running(settings):
        pass
    assert "very-secret-code" not in str(refused.value) + repr(settings)


def test_name_resolves_to_the_given_address_inside_the_context_only() -> None:
    with resolving("host.docker.invalid", "127.0.0.1"):
        ((_, _, _, _, address),) = socket.getaddrinfo("host.docker.invalid", 443, type=socket.SOCK_STREAM)
        assert address == ("127.0.0.1", 443)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("host.docker.invalid", 443, type=socket.SOCK_STREAM)
