"""Nested applications of a template: the templates that they name, and both as the one that is deployed."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from local.template.intrinsics import TemplateError, mapping, parsed

APPLICATION: Final = "AWS::Serverless::Application"

_OWN: Final = re.compile(r"AWS::Stack(Name|Id)")


def applications(template: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object], str]]:
    """Logical id, resource and location (a path beside the template) of each nested application."""
    for name, resource in mapping(template.get("Resources"), "Resources").items():
        of_name = mapping(resource, name)
        if of_name.get("Type") == APPLICATION:
            yield name, of_name, str(mapping(of_name.get("Properties"), name).get("Location"))


def as_one(template: Mapping[str, object], folder: Path) -> dict[str, object]:
    """The template with the resources of its applications in their place, as if they were written there.

    A parameter of an application is replaced by the value that it is given; a resource that has a condition exists if
    the application does, too. Raises TemplateError where the two cannot be one.
    """
    resources = dict(mapping(template.get("Resources"), "Resources"))
    conditions = dict(mapping(template.get("Conditions", {}), "Conditions"))
    for name, resource, location in applications(template):
        del resources[name]
        nested = mapping(parsed((folder / location).read_text("utf-8")), location)
        parts = _filled(nested, name, mapping(resource.get("Properties"), name))
        _add(parts["Conditions"], conditions, name)
        _add(
            {each: _in(resource, parts["Resources"][each], conditions) for each in parts["Resources"]}, resources, name
        )
    return {**template, "Conditions": conditions, "Resources": resources}


def _add(more: Mapping[str, object], to: dict[str, object], place: str) -> None:
    """Only what is equal may have the same name."""
    for name, value in more.items():
        if to.setdefault(name, value) != value:
            raise TemplateError(f"{place}: {name} is something else in the template around it")


def _filled(nested: Mapping[str, object], name: str, properties: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The conditions and the resources of an application, with the values that it is given."""
    given = mapping(properties.get("Parameters", {}), f"{name}.Parameters")
    declared = mapping(nested.get("Parameters", {}), f"{name}: Parameters")
    if given.keys() != declared.keys():
        raise TemplateError(f"{name}: its parameters are {sorted(declared)}, and it is given {sorted(given)}")
    parts = ("Conditions", "Resources")
    return {part: mapping(_with_values(nested.get(part, {}), given, name), f"{name}: {part}") for part in parts}


def _in(application: Mapping[str, object], resource: object, conditions: dict[str, object]) -> dict[str, object]:
    """A resource that exists where its own condition and that of its application hold."""
    own = mapping(resource, "a resource")
    held = [str(each["Condition"]) for each in (application, own) if "Condition" in each]
    if not held:
        return own
    name = "And".join(held)
    if len(held) > 1:
        conditions[name] = {"Fn::And": [{"Condition": each} for each in held]}
    return {**own, "Condition": name}


def _with_values(value: object, given: Mapping[str, object], place: str) -> object:
    """The value with each parameter replaced by what it is given."""
    match value:
        case {"Ref": str(name)} if name in given:
            return given[name]
        case {"Ref": str(text)} | {"Fn::Sub": str(text)} if _OWN.search(text):
            raise TemplateError(f"{place}: {text} is the name of the nested stack")
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": re.sub(r"\$\{(\w+)\}", lambda each: _in_text(each[1], given), text)}
        case dict():
            return {name: _with_values(each, given, place) for name, each in value.items()}
        case list():
            return [_with_values(each, given, place) for each in value]
    return value


def _in_text(name: str, given: Mapping[str, object]) -> str:
    """What a text has in the place of a parameter."""
    match given.get(name):
        case None:
            return f"${{{name}}}"
        case {"Ref": str(inner)} | {"Fn::GetAtt": str(inner)}:
            return f"${{{inner}}}"
        case value:
            return str(value)
