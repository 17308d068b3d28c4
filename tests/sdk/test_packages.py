"""npm installs what requirements/node.json names, and nothing else: without a lock file, only that pins a version."""

import json

from tests.sdk import drivers
from tests.support.repository import ROOT


def test_each_installed_package_has_the_version_that_is_pinned() -> None:
    drivers.node_program()
    pinned = json.loads((ROOT / "requirements" / "node.json").read_text("utf-8"))["dependencies"]
    modules = drivers.NODE_FOLDER / "node_modules"

    installed = {
        path.parent.relative_to(modules).as_posix(): json.loads(path.read_text("utf-8"))["version"]
        for pattern in ("*/package.json", "@*/*/package.json", "**/node_modules/*/package.json")
        for path in modules.glob(pattern)
    }

    assert installed == pinned
