"""What the service itself asks of a portal is documented: methods, parameters, and none that is required is missing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from local.portal.protocol import php
from tests.local.platform.schemas import Schema, schemas
from tests.support.events.conversation import conversation
from tests.support.portals.unknown_portal import Stage

WHOLE: Final = {"auth"}
"""Parameters of every call."""
ACCEPTED: Final[Mapping[str, set[str]]] = {
    # EVENT_HANDLER is in the place of all addresses, and one of the two names suffices (bitrix24.md 1.9).
    "v1": {
        "imbot.register: event_bot_delete is missing",
        "imbot.register: event_message_add is missing",
        "imbot.register: event_welcome_message is missing",
        "imbot.register: properties.last_name is missing",
    },
    "v2": set(),
}


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_every_call_of_the_service_is_as_documented(api: str, stage: Stage) -> None:
    talk = conversation(stage, api)
    made = stage.service.admin("keys.create", portal=stage.portal.member_id, label="test", scopes=["lookup", "details"])
    for options in ({"expand": "chat"}, {"method": "imbot"}, {"entity_id": "DEAL|404"}):
        stage.look_up(made["key"], fresh="true", **options)
    stage.service.get("/v1/objects/deal/1663/chats", {"X-Api-Key": made["key"]})
    stage.service.admin("doctor", portal=stage.portal.member_id)
    assert talk.asks("chat of deal 1663")
    calls = [each for call in stage.ask("/calls") for each in commands_of(call["method"], call["params"])]
    assert {method for method, _ in calls} >= {"im.chat.get", "imbot.chat.get", "im.dialog.get", "profile", "scope"}
    assert {difference for call in calls for difference in differences(*call)} == ACCEPTED[api]


def commands_of(method: str, params: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A call of the portal; of a batch its commands as well."""
    if "/" not in method:  # those with one are of the authorisation server
        yield method, params
    for command in php.entries(params.get("cmd")).values() if method == "batch" else ():
        name, _, query = str(command).partition("?")
        yield name, php.decode_query(query)


def differences(method: str, params: Mapping[str, Any]) -> Iterator[str]:
    schema = schemas().get(method)
    if schema is None:
        yield f"{method} is not documented"
        return
    sent = set(names(params))
    known = {parameter.name: parameter for parameter in schema.parameters}
    yield from (
        f"{method}: {name} is not documented" for name in sorted(sent - known.keys() - WHOLE) if described(schema, name)
    )
    yield from (
        f"{method}: {name} is missing" for name, parameter in known.items() if parameter.required and name not in sent
    )


def names(value: Any, above: str = "") -> Iterator[str]:
    """The paths of all parameters; members of a list have the path of the list."""
    if isinstance(value, list):
        for item in value:
            yield from names(item, above)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            path = above if name.isdigit() else f"{above}.{name}".lower().lstrip(".")
            yield path
            yield from names(item, path)


def described(schema: Schema, name: str) -> bool:
    """Whether the documentation lists the members of what this one is a member of."""
    above = name.rpartition(".")[0]
    return any(parameter.name.rpartition(".")[0] == above for parameter in schema.parameters)
