"""A SAM template as CloudFormation deploys it: translated, and with its conditions decided. AWS is not called.

As a program it prints template.yaml translated, as JSON.
"""

import copy
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from boto3.session import Session  # type: ignore[import-untyped]  # stubs: a package more for one name

from local.template.deployment import Deployment
from local.template.intrinsics import REGION
from tests.template.file import TEMPLATE

Template = dict[str, Any]

# Values other than the defaults when everything optional is chosen; a text that is empty by default gets some text.
CHOSEN: Mapping[object, object] = {"": "chosen", "false": "true", 0: 1}
# The translator accepts no local folder: `sam deploy` replaces it by an address of S3.
SOURCES = ("CodeUri", "ContentUri")


def translated(template: Template) -> Template:
    """The template without SAM: it contains every role, permission, version and stage that SAM creates."""
    # Here, not above: their import takes a second, and most processes that load the tests translate nothing.
    from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]  # noqa: PLC0415 - annotated, but without py.typed
    from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    uploaded = copy.deepcopy(template)
    for resource in uploaded["Resources"].values():
        for source in SOURCES & resource.get("Properties", {}).keys():
            resource["Properties"][source] = f"s3://uploads/{resource['Properties'][source]}"
    # The map of managed policies is empty: a name stays as it is, so the house rules find it.
    translator = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=Session(region_name=REGION))
    plain: Template = translator.translate(uploaded, parameter_values={})
    return plain


def forms(template: Template) -> Iterator[tuple[str, Template]]:
    """The template in each form that the rules check, with the form's name: as written and as translated by SAM, each
    with the defaults and with everything optional chosen."""
    defaults = {name: each.get("Default", "chosen") for name, each in template["Parameters"].items()}
    everything = {name: CHOSEN.get(default, default) for name, default in defaults.items()}
    written = {"as written": template, "as translated": translated(template)}
    chosen = {"by default": defaults, "with everything": everything}
    for (form, each), (choice, parameters) in product(written.items(), chosen.items()):
        yield f"{form}, {choice}", Deployment.of(parameters, each["Conditions"]).settled(each)


if __name__ == "__main__":
    # The translator logs its own metrics and feature toggles.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    json.dump(translated(TEMPLATE), sys.stdout, indent=2)
