"""A nested application's resources, as part of the template around it."""

from pathlib import Path
from typing import Any

import pytest

from local.template.applications import as_one
from local.template.intrinsics import TemplateError
from local.template.reader import Template

OUTER: dict[str, Any] = {
    "Conditions": {"Watched": {"Fn::Equals": [{"Ref": "Watch"}, "yes"]}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Inner": {
            "Type": "AWS::Serverless::Application",
            "Condition": "Watched",
            "Properties": {
                "Location": "inner.yaml",
                "Parameters": {
                    "Stack": {"Ref": "AWS::StackName"},
                    "QueueName": {"Fn::GetAtt": "Queue.QueueName"},
                    "Most": 7,
                },
            },
        },
    },
}
INNER = """
Parameters:
  Stack: {Type: String}
  QueueName: {Type: String}
  Most: {Type: Number}
Conditions:
  Many: !Not [!Equals [!Ref Most, 0]]
Resources:
  Age:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub ${Stack}_age of ${QueueName} over ${Most} in ${AWS::Region}
      Value: !Ref QueueName
  Count:
    Type: AWS::CloudWatch::Alarm
    Condition: Many
    Properties: {Other: !Ref Age}
"""


def joined(folder: Path, inner: str = INNER) -> dict[str, Any]:
    (folder / "inner.yaml").write_text(inner)
    return as_one(OUTER, folder)


def test_parameters_are_replaced_by_their_values_and_references_inside_remain(tmp_path: Path) -> None:
    resources = joined(tmp_path)["Resources"]
    assert resources.keys() == {"Queue", "Age", "Count"}
    assert resources["Age"]["Properties"] == {
        "AlarmName": {"Fn::Sub": "${AWS::StackName}_age of ${Queue.QueueName} over 7 in ${AWS::Region}"},
        "Value": {"Fn::GetAtt": "Queue.QueueName"},
    }
    assert resources["Count"]["Properties"] == {"Other": {"Ref": "Age"}}


def test_resource_exists_where_its_condition_and_that_of_its_application_hold(tmp_path: Path) -> None:
    whole = joined(tmp_path)
    assert whole["Resources"]["Age"]["Condition"] == "Watched"
    both = whole["Conditions"][whole["Resources"]["Count"]["Condition"]]
    assert both == {"Fn::And": [{"Condition": "Watched"}, {"Condition": "Many"}]}
    assert whole["Conditions"]["Many"] == {"Fn::Not": [{"Fn::Equals": [7, 0]}]}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("  Most: {Type: Number}\n", "", "its parameters are"),
        ("Parameters:\n", "Parameters:\n  More: {Type: String}\n", "its parameters are"),
        ("!Ref QueueName", "!Ref AWS::StackName", "name of the nested stack"),
        ("${Stack}_age", "${AWS::StackName}_age", "name of the nested stack"),
        ("  Age:\n", "  Queue:\n", "Queue is something else"),
        ("  Many:", "  Watched:", "Watched is something else"),
    ],
)
def test_template_that_cannot_be_part_of_the_other_is_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in INNER
    with pytest.raises(TemplateError, match=reason):
        joined(tmp_path, INNER.replace(old, new))


def test_local_run_refuses_an_application_with_an_effect(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "Resources:\n  Inner:\n    Type: AWS::Serverless::Application\n    Properties: {Location: inner.yaml}\n"
    )
    (tmp_path / "inner.yaml").write_text(INNER)
    assert Template.load(tmp_path / "template.yaml").functions == {}
    (tmp_path / "inner.yaml").write_text("Resources:\n  More: {Type: AWS::DynamoDB::Table}\n")
    with pytest.raises(TemplateError, match=r"Inner, More: .* does not support AWS::DynamoDB::Table"):
        Template.load(tmp_path / "template.yaml")
