"""The table of commands: what it admits is what the commands read, and each fault has one clear line."""

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from chat_lookup.admin.commands import COMMANDS, CommandContract, Field, Kind
from chat_lookup.credentials.applications import ApplicationKind
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.portals.api_keys import SCOPES
from chat_lookup.portals.portal import DEFAULT_BURST, DEFAULT_RATE, ResultForm
from tests.support.repository import PACKAGE

SECRET: Final = "sixteen-letters-at-least"
FIELDS: Final = [(name, field) for name, command in COMMANDS.items() for field in command.fields]
IDS: Final = [f"{name} {field.name}" for name, field in FIELDS]
WRONG: Final = {
    Kind.TEXT: (7, True, ["x"], {}),
    Kind.TEXTS: ("x", 7, [7], {}),
    Kind.NUMBER: ("2", True, -1, 10**9, [1]),
    Kind.WHOLE: ("many", True, 0, -1, 1.5, 10**15, [1]),
    Kind.FLAG: ("true", 1, 0, "yes", None),
}
"""By kind: values of another type, or outside of every bound in the table."""


def complete(command: CommandContract) -> dict[str, object]:
    """Every field of a command with a value that is admitted."""
    return {field.name: SECRET if field.secret else field.example for field in command.fields}


def event_of(name: str, fields: dict[str, object]) -> Fields:
    """The fields of an event, of which the command's name is read."""
    event = Fields({"command": name, **fields})
    assert event.text("command") == name
    return event


def fault(name: str, fields: dict[str, object]) -> str:
    with pytest.raises(InvalidRequest) as raised:
        COMMANDS[name].check(name, event_of(name, fields))
    return str(raised.value)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_admits_its_examples_together_and_its_required_fields_alone(name: str) -> None:
    command = COMMANDS[name]
    required = {field.name: field for field in command.fields if field.required}
    for given in (complete(command), {each: complete(command)[each] for each in required}):
        command.check(name, event_of(name, given))


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=IDS)
def test_error_for_a_wrong_value_names_the_field_and_explains_it_in_one_line(name: str, field: Field) -> None:
    for value in WRONG[field.kind]:
        text = fault(name, complete(COMMANDS[name]) | {field.name: value})
        assert text.startswith(f"{field.name} "), text
        assert text.endswith(f": {field.about}")
        assert "\n" not in text


@pytest.mark.parametrize(("name", "field"), [each for each in FIELDS if each[1].required])
def test_error_for_a_missing_field_names_its_type_or_its_values(name: str, field: Field) -> None:
    left = {key: value for key, value in complete(COMMANDS[name]).items() if key != field.name}
    assert fault(name, left) == f"{field.name} is missing ({field.admitted}): {field.about}"
    assert fault(name, left | {field.name: ""}).startswith(f"{field.name} is empty")


@pytest.mark.parametrize(("name", "field"), [each for each in FIELDS if each[1].choices])
def test_error_for_a_value_that_is_not_among_the_choices_lists_them(name: str, field: Field) -> None:
    value = ["other"] if field.kind is Kind.TEXTS else "other"
    text = fault(name, complete(COMMANDS[name]) | {field.name: value})
    assert all(choice in text for choice in field.choices)


@pytest.mark.parametrize("placeholder", ["<client_secret>", "<your own>", " <x> "])
@pytest.mark.parametrize(("name", "field"), FIELDS, ids=IDS)
def test_placeholder_of_a_sample_is_refused_in_every_field(name: str, field: Field, placeholder: str) -> None:
    value = [placeholder] if field.kind is Kind.TEXTS else placeholder
    text = fault(name, complete(COMMANDS[name]) | {field.name: value})
    assert text.startswith(f"{field.name} is still the placeholder of a sample")


@pytest.mark.parametrize("name", COMMANDS)
def test_error_for_an_unknown_field_lists_the_fields_of_the_command(name: str) -> None:
    text = fault(name, complete(COMMANDS[name]) | {"nmae": "x"})
    assert text.startswith(f"nmae is an unknown field; {name} takes ")
    assert text.endswith(", ".join(field.name for field in COMMANDS[name].fields) or "no fields")


def test_error_quotes_no_value_of_a_secret_field() -> None:
    for name, field in FIELDS:
        if field.secret:
            assert "short-one" not in fault(name, complete(COMMANDS[name]) | {field.name: "short-one"})


def test_values_in_the_table_are_those_of_the_package() -> None:
    choices = {field.name: set(field.choices) for _, field in FIELDS if field.choices}
    assert choices == {"kind": {*ApplicationKind}, "scopes": set(SCOPES), "result_shape": {*ResultForm}}
    (webhook,) = ({field.name: field.default for field in COMMANDS["portal.add_webhook"].fields},)
    assert (float(webhook["rate"]), int(webhook["burst"])) == (DEFAULT_RATE, DEFAULT_BURST)


# -- what the commands read --------------------------------------------------------------------------------------------


def classes() -> Iterator[ast.ClassDef]:
    for path in sorted((PACKAGE / "admin").glob("*.py")):
        yield from (node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef))


def commands_of(group: ast.ClassDef) -> dict[str, str]:
    """The methods of a group's commands."""
    tables = [
        node.value
        for node in ast.walk(group)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "self.commands"
    ]
    return {
        ast.literal_eval(name): ast.unparse(method).removeprefix("self.")
        for table in tables
        if isinstance(table, ast.Dict)
        for name, method in zip(table.keys, table.values, strict=True)
        if name is not None
    }


def read_by(group: ast.ClassDef, method: str) -> set[str]:
    """The names of the fields that a method and its helpers read: the texts that they pass on beside `fields`."""
    (function,) = [node for node in group.body if isinstance(node, ast.FunctionDef) and node.name == method]
    found: set[str] = set()
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        called, words = ast.unparse(call.func), {ast.unparse(word) for word in call.args}
        if called.startswith("fields.") or "fields" in words:
            found |= {
                word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)
            }
        if called.startswith("self._") and "fields" in words:
            found |= read_by(group, called.removeprefix("self."))
    return found


def test_every_command_of_the_function_is_in_the_table_with_the_fields_that_it_reads() -> None:
    read = {name: read_by(group, method) for group in classes() for name, method in commands_of(group).items()}
    assert read == {name: {field.name for field in command.fields} for name, command in COMMANDS.items()}


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.warning])
def test_command_that_deletes_for_good_needs_the_name_of_what_it_deletes(name: str) -> None:
    command = COMMANDS[name]
    (deleted, _), *others = complete(command).items()
    for without in ({}, {deleted: None}, {deleted: ""}):
        with pytest.raises(InvalidRequest, match=deleted):
            command.check(name, event_of(name, dict(others) | without))
