"""CloudFormation's intrinsic functions in a template: the short tags, and their values on this machine."""

import re
from collections.abc import Callable, Mapping

import yaml

try:
    from yaml import CSafeLoader as SafeLoader  # ten times as fast; PyYAML has it wherever it was built with libyaml
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]  # the same in Python

REGION = "us-east-1"
ACCOUNT = "123456789012"

PSEUDO_PARAMETERS: Mapping[str, str] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "chat-lookup",
    "AWS::URLSuffix": "amazonaws.com",
}


class TemplateError(Exception):
    """The template contains something that the local run does not support."""


class Intrinsics:
    """Resolves the values of one template, as far as the local run supports them.

    `names` are the values of `Ref` for a resource, `attributes` those of `Fn::GetAtt` for `LogicalId.Attribute`;
    `conditions` are the template's own. A parameter has its default. Every method takes the value's place in the
    template and raises TemplateError with it.
    """

    def __init__(
        self,
        parameters: Mapping[str, object],
        names: Mapping[str, str],
        attributes: Mapping[str, str],
        conditions: Mapping[str, object],
    ) -> None:
        self._parameters = parameters
        self._names = {**names, **PSEUDO_PARAMETERS}
        self._attributes = attributes
        self._conditions = conditions
        self._supported: Mapping[str, Callable[[object, str], object]] = {
            "Ref": self._reference,
            "Fn::Sub": self._substituted,
            "Fn::GetAtt": self._attribute,
            "Fn::If": self._chosen,
            "Fn::Join": self._joined,
        }

    def plain(self, value: object, place: str) -> object:
        """The value with every intrinsic resolved."""
        if isinstance(value, list):
            return [self.plain(each, place) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (name := next(iter(value))) in self._supported:
            return self._supported[name](value[name], place)
        if unknown := [name for name in value if name.startswith("Fn::") or name in ("Ref", "Condition")]:
            raise TemplateError(f"{place}: the local run does not support {', '.join(unknown)}")
        return {name: self.plain(each, place) for name, each in value.items()}

    def text(self, value: object, place: str) -> str:
        """The value as text; a boolean is `true` or `false`, as CloudFormation writes it into the environment."""
        plain = self.plain(value, place)
        if isinstance(plain, bool):
            return str(plain).lower()
        if not isinstance(plain, str | int | float):
            raise TemplateError(f"{place} is not text")
        return str(plain)

    def number(self, value: object, place: str) -> int:
        """The value as a whole number."""
        text = self.text(value, place)
        if not (text.isascii() and text.isdigit()):
            raise TemplateError(f"{place} is not a whole number")
        return int(text)

    def _reference(self, name: object, place: str) -> str:
        if name in self._parameters:
            parameter = mapping(self._parameters[str(name)], f"Parameters.{name}")
            return self.text(parameter.get("Default"), f"{place}: the default of parameter {name}")
        if name not in self._names:
            raise TemplateError(f"{place} refers to {name}, which does not exist")
        return self._names[str(name)]

    def _substituted(self, pattern: object, place: str) -> str:
        if not isinstance(pattern, str):
            raise TemplateError(f"{place}: the local run supports Fn::Sub with one text only")
        # "${!Literal}" is an escaped "${Literal}".
        filled = re.sub(r"\$\{([^!}]+)\}", lambda found: self._reference(found[1], place), pattern)
        return filled.replace("${!", "${")

    def _attribute(self, named: object, place: str) -> str:
        path = ".".join(map(str, named)) if isinstance(named, list) else str(named)
        if path not in self._attributes:
            raise TemplateError(f"{place}: the local run does not support Fn::GetAtt of {path}")
        return self._attributes[path]

    def _joined(self, given: object, place: str) -> str:
        match given:
            case [str(between), values]:
                # The value of a list among the parameters is its text here, with commas between.
                plain = self.plain(values, place)
                listed = plain if isinstance(plain, list) else self.text(plain, place).split(",")
                return between.join(self.text(each, place) for each in listed)
        raise TemplateError(f"{place}: Fn::Join takes a text and a list")

    def _chosen(self, choice: object, place: str) -> object:
        match choice:
            case [name, then, otherwise]:
                return self.plain(then if self.holds({"Condition": name}, place) else otherwise, place)
        raise TemplateError(f"{place}: Fn::If takes a condition and two values")

    def holds(self, condition: object, place: str) -> bool:
        """Whether a condition holds: one of the template's by its name, or an inline one."""
        match condition:
            case {"Condition": str(name)} if name in self._conditions:
                return self.holds(self._conditions[name], f"Conditions.{name}")
            case {"Fn::Equals": [one, other]}:
                return self.text(one, place) == self.text(other, place)
            case {"Fn::Not": [inner]}:
                return not self.holds(inner, place)
            case {"Fn::And": [*inner]}:
                return all(self.holds(each, place) for each in inner)
            case {"Fn::Or": [*inner]}:
                return any(self.holds(each, place) for each in inner)
        raise TemplateError(f"{place}: the local run does not support the condition {condition}")


def parsed(text: str) -> object:
    """A template's YAML, with CloudFormation's short tags in their long form: `!Ref X` becomes `{"Ref": "X"}`."""
    # The loader below is a SafeLoader: it makes plain data only.
    return yaml.load(text, _Loader)  # noqa: S506


def mapping(value: object, place: str) -> dict[str, object]:
    """The value, which must be a mapping. Raises TemplateError."""
    if not isinstance(value, dict):
        raise TemplateError(f"{place} is not a mapping")
    return value


def admit(properties: Mapping[str, object], admitted: frozenset[str], place: str) -> None:
    """Raises TemplateError for properties that the local run would ignore."""
    if unknown := sorted(properties.keys() - admitted):
        raise TemplateError(f"{place}: the local run does not support {', '.join(unknown)}")


class _Loader(SafeLoader):
    """Plain data, and the short tags."""


def _intrinsic(loader: _Loader, name: str, node: yaml.Node) -> dict[str, object]:
    value: object
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_object(node, deep=True)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


yaml.add_multi_constructor("!", _intrinsic, _Loader)
