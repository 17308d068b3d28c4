"""Rooms and the imports between them (docs/architecture.md): which may import which, in the package and in `local/`."""

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

from tests.support.repository import LAYER, PACKAGE, ROOT

HANDLERS = tuple(sorted((ROOT / "functions").glob("*/app.py")))

MAY_IMPORT: Final[Mapping[str, set[str]]] = {
    "bitrix24": set(),
    "cache": set(),
    "observability": {"bitrix24"},
    "portals": {"bitrix24"},
    "http": {"observability"},
    "credentials": {"bitrix24", "observability", "portals"},
    "calls": {"bitrix24", "observability", "portals", "credentials"},
    "lookup": {"bitrix24", "observability", "http", "portals", "credentials", "calls", "cache"},
    "objects": {"bitrix24", "observability", "http", "portals", "calls", "cache", "lookup"},
    "events": {"bitrix24", "observability", "http", "portals", "calls", "cache"},
    "rest": {"bitrix24", "observability", "http", "portals", "calls", "lookup"},
    "bot": {"bitrix24", "observability", "portals", "calls", "cache", "lookup", "objects", "events"},
    "install": {"bitrix24", "observability", "http", "portals", "credentials", "calls", "bot"},
    "doctor": {"bitrix24", "observability", "portals", "credentials", "calls", "install"},
    "admin": {"bitrix24", "observability", "http", "portals", "credentials", "calls", "cache", "install", "doctor"},
    "page": {
        "bitrix24", "observability", "http", "portals", "credentials", "calls", "lookup", "objects", "bot", "install",
    },
    "bootstrap": {
        "bitrix24", "observability", "portals", "credentials", "calls", "cache", "lookup", "objects", "events", "bot",
        "install", "rest", "doctor", "admin", "page",
    },
}  # fmt: skip
"""By room: what it may import besides the ground (the modules at the top of the package) and itself."""

LOCAL_MAY_IMPORT: Final[Mapping[str, set[str]]] = {
    "net": set(),
    "template": set(),
    "portal.protocol": set(),
    "portal.content": set(),
    "portal.behaviour": {"portal.protocol"},
    "portal.oauth": {"portal.protocol"},
    "portal.methods": {"portal.behaviour", "portal.content", "portal.oauth", "portal.protocol"},
    "aws": {"net", "template"},
    "portal.events": {"portal.behaviour", "portal.content", "portal.methods", "portal.oauth", "portal.protocol"},
    "portal.rest": {
        "portal.behaviour", "portal.content", "portal.events", "portal.methods", "portal.oauth", "portal.protocol",
    },
    "portal.control": {
        "portal.behaviour", "portal.content", "portal.events", "portal.methods", "portal.oauth", "portal.protocol",
        "portal.rest",
    },
}  # fmt: skip
"""The same for `local/`. Its ground is `shared_clock`, `demo_credentials` and `program`; `run`, `request_lines`,
`walkthrough`, `stack` and the portal's `server`, `alone` and `state` put the rooms together."""

GROUND_OF_LOCAL: Final = {"local.shared_clock", "local.demo_credentials", "local.program"}
PUTS_TOGETHER: Final = {
    "local.run", "local.request_lines", "local.walkthrough", "local.stack", "local.portal", "local.portal.server",
    "local.portal.alone", "local.portal.state",
}  # fmt: skip
FROM_THE_PRODUCT: Final[Mapping[str, set[str]]] = {
    # The portal is an independent oracle: with the product's code it would prove nothing.
    "local.portal": {"chat_lookup.clock"},
    "local.net": {"chat_lookup.bitrix24.address_guard", "chat_lookup.clock"},
    "local.aws": {"chat_lookup.bootstrap", "chat_lookup.clock"},
    "local.run": {"chat_lookup.errors"},
    "local.stack": {"chat_lookup.bootstrap", "chat_lookup.bitrix24.endpoints"},
    "local.walkthrough": {"chat_lookup.clock"},
}
"""The product modules that each part of `local/` imports, and no other part does."""

AWS: Final = {"boto3", "botocore", "aws_lambda_powertools"}
# Errors are translated where they enter, so the stores import these; none of them makes a client.
AWS_ERRORS: Final = "botocore.exceptions"
MOST_MODULES: Final = 14
MOST_TESTS: Final = 20


def modules(folder: Path, above: Path) -> dict[str, Path]:
    """Every module below a folder by its dotted name."""
    return {
        ".".join(path.relative_to(above).with_suffix("").parts).removesuffix(".__init__"): path
        for path in folder.rglob("*.py")
    }


HOLDS_IMPORTS: Final = (ast.stmt, ast.excepthandler, ast.match_case)
"""No expression does, and they are nearly all nodes."""


def imported(node: ast.AST, known: set[str]) -> Iterator[str]:
    """The imports at run time, wherever the statement is; our modules by their full name."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(module=str(module), level=0):
            full_names = {f"{module}.{alias.name}" for alias in node.names}
            yield from (full_names & known) or {module}
        case ast.ImportFrom():
            pytest.fail("imports name the whole path, so that this test can follow them")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, HOLDS_IMPORTS):
            yield from imported(child, known)


MODULES: Final = modules(PACKAGE, LAYER)
LOCAL: Final = modules(ROOT / "local", ROOT)
KNOWN: Final = {*MODULES, *LOCAL}


def imports(path: Path) -> frozenset[str]:
    return frozenset(imported(ast.parse(path.read_text("utf-8")), KNOWN))


IMPORTS: Final = {name: imports(path) for name, path in {**MODULES, **LOCAL}.items()}


def room(module: str) -> str:
    """The room of a module of the package; of the ground it is empty."""
    _, _, inside = module.partition(".")
    first, _, rest = inside.partition(".")
    return first if rest or first in MAY_IMPORT else ""


def room_of_local(module: str) -> str:
    parts = module.split(".")[1:]
    depth = 2 if parts[:1] == ["portal"] else 1
    name = ".".join(parts[:depth])
    return name if name in LOCAL_MAY_IMPORT else ""


def members(name: str) -> list[str]:
    return [module for module in MODULES if room(module) == name]


def between_rooms(names: list[str]) -> set[str]:
    return {room(each) for name in names for each in IMPORTS[name] if each in MODULES and each != "chat_lookup"}


def foreign(module: str) -> set[str]:
    """The imports from outside of Python and the package."""
    return {each for each in IMPORTS[module] if each.split(".")[0] not in {*sys.stdlib_module_names, "chat_lookup"}}


def test_every_import_counts_except_those_for_the_type_checker(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import mypy_boto3_dynamodb\n"
        "def build():\n    from chat_lookup.http import entrypoint, requests\n    import boto3.session\n"
    )
    assert imports(path) == {"typing", "chat_lookup.http.entrypoint", "chat_lookup.http.requests", "boto3.session"}


def test_every_room_of_the_package_has_its_place_in_the_table() -> None:
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} == set(MAY_IMPORT)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_room_imports_only_from_the_ground_itself_and_the_rooms_that_the_table_allows(name: str) -> None:
    assert between_rooms(members(name)) <= {"", name} | MAY_IMPORT[name]


def test_table_allows_no_unused_import() -> None:
    unused = {name: admitted - between_rooms(members(name)) for name, admitted in MAY_IMPORT.items()}
    assert {name: rooms for name, rooms in unused.items() if rooms} == {}


def test_ground_imports_from_no_room() -> None:
    assert between_rooms(members("")) <= {""}


@pytest.mark.parametrize("table", [MAY_IMPORT, LOCAL_MAY_IMPORT], ids=["package", "local"])
def test_imports_between_rooms_have_no_cycle(table: Mapping[str, set[str]]) -> None:
    TopologicalSorter(table).prepare()  # raises CycleError, which names the circle


def test_no_two_modules_import_each_other() -> None:
    # A package counts as what its `__init__` imports: the portal's imports its server.
    TopologicalSorter({module: names & KNOWN - {module} for module, names in IMPORTS.items()}).prepare()


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda path: path.parent.name)
def test_init_of_a_room_is_one_sentence_and_imports_nothing(path: Path) -> None:
    (only,) = ast.parse(path.read_text("utf-8")).body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert str(only.value.value).endswith((".", "?"))


def test_init_of_the_package_is_its_sentence_and_its_version() -> None:
    sentence, _, version, meaning = ast.parse((PACKAGE / "__init__.py").read_text("utf-8")).body
    assert all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in (sentence, meaning))
    assert imports(PACKAGE / "__init__.py") == {"typing"}
    assert ast.unparse(version).startswith("VERSION: Final = ")


def test_platform_client_imports_nothing_of_aws() -> None:
    assert {name.split(".")[0] for module in members("bitrix24") for name in foreign(module)} <= {"urllib3"}


def test_only_bootstrap_makes_aws_clients_and_reads_the_environment() -> None:
    clients, environment = set(), set()
    for module in MODULES:
        used = {name for name in foreign(module) if name.split(".")[0] in AWS - {"aws_lambda_powertools"}}
        if used - {AWS_ERRORS}:
            clients.add(module)
        if "os" in IMPORTS[module]:
            environment.add(module)
    assert clients == {"chat_lookup.bootstrap.aws_clients"}
    assert environment == {"chat_lookup.bootstrap.process"}


def test_only_observability_uses_powertools() -> None:
    users = {module for module in MODULES if any(name.startswith("aws_lambda_powertools") for name in IMPORTS[module])}
    assert users == {"chat_lookup.observability.metrics", "chat_lookup.observability.telemetry"}


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_handler_imports_the_bootstrap_and_no_room_below_the_use_cases(path: Path) -> None:
    names = imports(path)
    assert {name.partition(".")[0] for name in names if name not in MODULES} <= set(sys.stdlib_module_names)
    assert "chat_lookup.bootstrap.process" in names
    stores = {name for name in names & set(MODULES) if room(name) in {"cache", "credentials", "calls", "bitrix24"}}
    assert not stores, "a handler calls the use case, never a room below it"


def test_deployed_code_never_imports_the_local_run_the_tools_or_the_tests() -> None:
    for names in (*(IMPORTS[module] for module in MODULES), *map(imports, HANDLERS)):
        assert not {name.split(".")[0] for name in names} & {"local", "tests", "tools", "layers", "benchmarks"}


@pytest.mark.parametrize("name", LOCAL_MAY_IMPORT)
def test_room_of_the_local_run_imports_only_from_the_ground_itself_and_what_the_table_allows(name: str) -> None:
    for module in (module for module in LOCAL if room_of_local(module) == name):
        ours = {each for each in IMPORTS[module] if each in LOCAL and each != "local"} - GROUND_OF_LOCAL
        assert ours & PUTS_TOGETHER <= {"local.portal.state"}, module
        rooms = {room_of_local(each) for each in ours - PUTS_TOGETHER}
        assert rooms <= {name} | LOCAL_MAY_IMPORT[name], module


def test_local_run_imports_from_the_product_exactly_what_the_table_names() -> None:
    found: dict[str, set[str]] = {}
    for module in LOCAL:
        part = next((each for each in FROM_THE_PRODUCT if f"{module}.".startswith(f"{each}.")), module)
        used = {name for name in IMPORTS[module] if name.startswith("chat_lookup.")}
        if used:
            found.setdefault(part, set()).update(
                "chat_lookup.bootstrap" if room(name) == "bootstrap" else name for name in used
            )
    assert found == FROM_THE_PRODUCT


def folders(top: str) -> list[Path]:
    return sorted({path.parent for path in (ROOT / top).rglob("*.py") if ".aws-sam" not in path.parts})


@pytest.mark.parametrize("top", ["layers", "functions", "local", "tools", "benchmarks"])
def test_number_of_modules_in_a_folder_is_bounded(top: str) -> None:
    full = {str(each.relative_to(ROOT)): len(list(each.glob("*.py"))) for each in folders(top)}
    assert {name: count for name, count in full.items() if count > MOST_MODULES} == {}


def test_number_of_test_modules_in_a_folder_is_bounded() -> None:
    full = {str(each.relative_to(ROOT)): len(list(each.glob("*.py"))) for each in folders("tests")}
    assert {name: count for name, count in full.items() if count > MOST_TESTS} == {}


def test_readme_of_every_folder_of_tests_has_one_to_three_lines() -> None:
    of_tests = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    readmes = {each: each / "README.md" for each in of_tests}
    lines = {each: len(path.read_text("utf-8").splitlines()) for each, path in readmes.items() if path.is_file()}
    assert {str(each.relative_to(ROOT)) for each in of_tests if lines.get(each) not in (1, 2, 3)} == set()


def test_ground_of_the_package_has_seven_modules() -> None:
    ground = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert ground == {"errors", "clock", "entity", "config", "ttl_cache", "dynamodb", "languages"}


TESTED_ELSEWHERE: Final[Mapping[str, str]] = {
    "bootstrap/admin.py": "tests/unit/admin/test_commands.py",
    "bootstrap/aws_clients.py": "tests/unit/bootstrap/test_process.py",
    "bootstrap/doctor.py": "tests/unit/admin/test_doctor.py",
    "bootstrap/core.py": "tests/unit/bootstrap/test_process.py",
    "bootstrap/install.py": "tests/unit/functions/test_install.py",
    "bootstrap/page.py": "tests/unit/functions/test_page.py",
    "bootstrap/services.py": "tests/unit/functions/test_lookup.py",
    "bootstrap/worker.py": "tests/unit/functions/test_worker.py",
    "bot/profile.py": "tests/unit/install/test_registration_bot.py",
    "calls/bulk_allowance.py": "tests/unit/lookup/test_batch_runner.py",
    "lookup/model.py": "tests/unit/lookup/test_find.py",
    "objects/asking.py": "tests/unit/objects/test_find_many.py",
    "objects/gathering.py": "tests/unit/objects/test_find_many.py",
    "objects/merging.py": "tests/unit/objects/test_find_many.py",
    "objects/requests.py": "tests/unit/functions/test_objects.py",
    "objects/responses.py": "tests/unit/functions/test_objects.py",
    "page/answers.py": "tests/unit/functions/test_page_security.py",
    "page/assets.py": "tests/unit/functions/test_page.py",
    "page/finding.py": "tests/unit/functions/test_page.py",
    "page/opening.py": "tests/unit/functions/test_page.py",
    "page/portal_keys.py": "tests/unit/functions/test_page_security.py",
    "page/viewers.py": "tests/unit/functions/test_page_security.py",
    "lookup/plan_runner.py": "tests/unit/lookup/test_plan.py",
}
"""Modules of data and wiring, and some that only work within another: the tests that cover each of them instead."""


def own_tests(module: Path) -> list[Path]:
    """The tests that bear a module's name: `tests/unit/<room>/test_<module>*.py`, or the same of `integration`."""
    kinds = [ROOT / "tests" / kind / module.parent for kind in ("unit", "integration")]
    return [path for folder in kinds for path in folder.glob(f"test_{module.stem}*.py")]


def test_every_module_of_the_package_has_tests_of_its_name() -> None:
    """`chat_lookup/<room>/<module>.py` is tested by files of its name, but for those listed."""
    inside = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    assert {str(module) for module in inside if not own_tests(module)} == set(TESTED_ELSEWHERE)


def test_long_walks_are_named_for_the_module_that_they_walk() -> None:
    modules = {path.stem for path in PACKAGE.rglob("*.py")}
    walks = [path.stem.removeprefix("test_") for path in (ROOT / "tests" / "fuzz").glob("test_*.py")]
    assert walks
    assert [walk for walk in walks if not any(walk.startswith(f"{module}_") for module in modules)] == []


@pytest.mark.parametrize("path", sorted(set(TESTED_ELSEWHERE.values())))
def test_tests_named_for_a_module_tested_elsewhere_exist(path: str) -> None:
    assert "\ndef test_" in (ROOT / path).read_text("utf-8")
