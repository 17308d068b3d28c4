"""A template with the values of its parameters: its conditions are decided, as CloudFormation decides them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.template.intrinsics import Intrinsics

NO_VALUE: Final = {"Ref": "AWS::NoValue"}


@dataclass(frozen=True, slots=True)
class Deployment:
    """The parameters of a deployment, which decide the template's conditions."""

    decides: Intrinsics

    @classmethod
    def of(cls, parameters: Mapping[str, object], conditions: Mapping[str, object]) -> "Deployment":
        """A deployment with a value for each parameter."""
        return cls(Intrinsics({name: {"Default": value} for name, value in parameters.items()}, {}, {}, conditions))

    @classmethod
    def by_default(cls, template: Mapping[str, Any], **chosen: object) -> "Deployment":
        """A deployment with the defaults of a template, but for these."""
        defaults = {name: each.get("Default", "chosen") for name, each in template["Parameters"].items()}
        return cls.of(defaults | chosen, template["Conditions"])

    def kept(self, value: Any) -> Any:
        """A value with each `Fn::If` decided and without `AWS::NoValue`."""
        match value:
            case {"Fn::If": [condition, chosen, otherwise]}:
                return self.kept(chosen if self._holds(condition) else otherwise)
            case dict():
                return {name: each for name, part in value.items() if (each := self.kept(part)) != NO_VALUE}
            case list():
                return [each for part in value if (each := self.kept(part)) != NO_VALUE]
        return value

    def settled(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """The template as it is deployed."""
        there = {
            part: {
                name: self.kept(each)
                for name, each in template.get(part, {}).items()
                if "Condition" not in each or self._holds(each["Condition"])
            }
            for part in ("Resources", "Outputs")
        }
        return {**template, **there}

    def _holds(self, condition: str) -> bool:
        return self.decides.holds({"Condition": condition}, condition)
