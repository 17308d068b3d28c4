"""The recipes of docs/recipes.md are valid CloudFormation templates, or fit into the template of the service."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.aws_commands import blocks
from tests.support.processes import programs
from tests.support.repository import ROOT
from tests.template.file import TEMPLATE

RECIPES: Final = (ROOT / "docs/recipes.md").read_text("utf-8")
PARTS: Final = blocks(RECIPES, "yaml")
TEMPLATES: Final = [part for part in PARTS if "\nResources:" in f"\n{part}"]

Lint = Callable[[str], str]


@pytest.fixture
def lint(sam: str, sam_environment: dict[str, str], tmp_path: Path) -> Lint:
    """Returns the faults that cfn-lint, which is part of SAM, finds in a template."""

    def faults(template: str) -> str:
        path = tmp_path / "template.yaml"
        path.write_text(template, "utf-8")
        command = [str(Path(sam).with_name("cfn-lint")), "--regions", "us-east-1", "--template", str(path)]
        done = programs.run(command, cwd=tmp_path, env=sam_environment, timeout=100)
        assert bool(done.returncode) == bool(done.stdout), done.stderr
        return done.stdout

    return faults


@pytest.mark.parametrize("template", TEMPLATES, ids=[re.findall(r"Type: (AWS\S+)", each)[0] for each in TEMPLATES])
def test_recipe_is_a_template_without_faults(template: str, lint: Lint) -> None:
    assert lint(template) == ""


def test_recipe_with_a_fault_is_detected(lint: Lint) -> None:
    broken = TEMPLATES[0].replace("Subscription:", "Subscriptions:")
    assert "Subscriptions" in lint(broken)


def test_stacks_of_recipes_hand_on_what_the_parameters_of_the_service_admit() -> None:
    outputs = {name for part in TEMPLATES for name in re.findall(r"^  (\w+):\n    Value:", part, re.MULTILINE)}
    assert outputs >= {"AlarmTopic", "KeyArn", "SubnetIds", "SecurityGroupIds", "PublicUrl"}
    assert outputs - {"FixedAddress"} <= TEMPLATE["Parameters"].keys()


def test_every_parameter_and_output_in_the_recipes_exists() -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)(?:=\w+)?`", RECIPES))
    assert named
    assert named - TEMPLATE["Parameters"].keys() - TEMPLATE["Outputs"].keys() == set()
