"""The sample events of objects are answered by the demo portal, and those of look-ups by a link."""

import json
from typing import Any

from tests.support.reply_checks import conforms
from tests.support.repository import ROOT
from tests.support.service import Service


def sample(name: str) -> Any:
    return json.loads((ROOT / "events" / name).read_text("utf-8"))


def invoked(service: Service, name: str) -> Any:
    answer = service.stack.backend.functions.invoke("LookupFunction", sample(name))
    assert isinstance(answer, dict)
    return json.loads(answer["body"])


def test_samples_of_one_object_over_http_and_directly_have_the_same_chats(service: Service) -> None:
    over_http, direct = invoked(service, "objects-http.json"), service.direct(sample("direct-object.json"))
    conforms(over_http, "ObjectChats")
    assert [each["chat_id"] for each in over_http["chats"]] == [each["chat_id"] for each in direct["chats"]]
    assert {each["kind"] for each in over_http["chats"]} == {"discussion", "open_line"}


def test_sample_of_many_objects_has_the_chats_of_each(service: Service) -> None:
    body = invoked(service, "objects-batch.json")
    conforms(body, "ObjectResults")
    assert [each["entity_id"] for each in body["results"]] == ["DEAL|1663", "CONTACT|42"]
    assert all(each["chats"] for each in body["results"])
