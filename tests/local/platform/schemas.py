"""The platform's documentation of its methods, as the walk reads it (tests/platform_schemas)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.support.repository import ROOT

FOLDER: Final = ROOT / "tests" / "platform_schemas"
BASIC: Final = "basic"
_BASIC_NAMES: Final = (BASIC, "базовый", None)  # null: the page names none, as those of event.* (README of the schemas)
_MEMBERS_OF_THE_ANSWER: Final = {"result", "time"}
_ONE_LEVEL_DEEPER: Final = {("imbot.update", "FIELDS"): "PROPERTIES", ("imbot.command.update", "FIELDS"): "LANG"}
"""Objects that the data has one level too high: the pages describe them below these (imbot-update.md)."""

_SHORTENED: Final = {
    (f"imbot.v2.Bot.{name}", "users"): ("imbot.v2.Bot.register", "users") for name in ("get", "list", "update")
}
"""Members of samples that show a part of their fields only, and the samples that show all of them (entities.md)."""

_EMPTY: Final = {"permissions": "permissions", "entityLink": "entity_link"}
"""Members that are empty objects in the sample of a chat in v2, and those of im.dialog.get, where they are not."""

SYSTEM_CODES: Final[Mapping[str, frozenset[int]]] = {
    code: frozenset(statuses)
    for statuses, codes in (
        ((400,), ("INVALID_REQUEST", "ERROR_BATCH_LENGTH_EXCEEDED", "INVALID_ARG_VALUE")),
        ((401,), ("NO_AUTH_FOUND", "expired_token", "METHOD_CONFIRM_WAITING", "invalid_token", "authorization_error")),
        ((401,), ("ERROR_OAUTH", "APPLICATION_NOT_FOUND", "NOT_INSTALLED", "PAYMENT_REQUIRED")),
        ((401, 403), ("INVALID_CREDENTIALS",)),
        ((403,), ("ACCESS_DENIED", "insufficient_scope", "user_access_error", "METHOD_CONFIRM_DENIED")),
        ((403,), ("ALLOWED_ONLY_INTRANET_USER", "WRONG_AUTH_TYPE")),
        ((404,), ("ERROR_METHOD_NOT_FOUND", "ERROR_MANIFEST_IS_NOT_AVAILABLE")),
        ((405,), ("ERROR_BATCH_METHOD_NOT_ALLOWED",)),
        ((429,), ("OPERATION_TIME_LIMIT",)),
        ((500,), ("INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "PORTAL_DELETED")),
        ((503,), ("QUERY_LIMIT_EXCEEDED", "OVERLOAD_LIMIT")),
    )
    for code in codes
}
"""What every method may answer, with its statuses (bitrix24.md 7.1, rows "any")."""

Way: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """`path` are the names down to the parameter, as documented."""

    path: Way
    base: str
    required: bool

    @property
    def name(self) -> str:
        """In lower case: the platform reads names in any case."""
        return ".".join(self.path).lower()


@dataclass(frozen=True, slots=True)
class DocumentedError:
    """`status` is 0 where the page maps none."""

    code: str
    status: int


@dataclass(frozen=True, slots=True)
class Schema:
    """One method as documented. `scopes`: any of them suffices. `sample` is the page's whole answer, None without
    one."""

    method: str
    scopes: frozenset[str]
    parameters: tuple[Parameter, ...]
    errors: tuple[DocumentedError, ...]
    statuses: frozenset[int]
    sample: Mapping[str, Any] | None
    application_only: bool

    @property
    def codes(self) -> frozenset[str]:
        """The codes that the page lists."""
        return frozenset(error.code for error in self.errors)

    def statuses_of(self, code: str) -> frozenset[int]:
        """The statuses that a code may have here; none if neither the page nor the system has it."""
        mapped = frozenset(error.status for error in self.errors if error.code == code)
        return self.statuses if 0 in mapped else mapped or SYSTEM_CODES.get(code, frozenset())


@cache
def schemas() -> Mapping[str, Schema]:
    """Every documented method by its name."""
    errors = _json(FOLDER / "errors.json")
    pages = [_json(path) for path in sorted((FOLDER / "methods").glob("*.json"))]
    pages += _json(FOLDER / "supplement.json")["methods"]
    by_method = {page["method"]: page for page in pages}
    for (method, member), (whole, source) in _SHORTENED.items():
        by_method[method]["resultExample"]["result"][member] = by_method[whole]["resultExample"]["result"][source]
    chat, dialog = (by_method[name]["resultExample"]["result"] for name in ("imbot.v2.Chat.get", "im.dialog.get"))
    for member, source in _EMPTY.items():
        chat["chat"][member] = {_camel(name): value for name, value in dialog[source].items()}
    return {method: _schema(page, errors.get(method, {})) for method, page in by_method.items()}


def _schema(page: Mapping[str, Any], errors: Mapping[str, Any]) -> Schema:
    convention = page.get("requiredConvention", True)
    params: Sequence[Mapping[str, Any]] = page["params"]
    if not convention and _MEMBERS_OF_THE_ANSWER & {each["name"] for each in params}:
        params = [each for each in params if each["name"] not in _MEMBERS_OF_THE_ANSWER]
    return Schema(
        method=page["method"],
        scopes=_scopes(page["scope"]),
        parameters=tuple(_parameters(page, params, (), marked=convention)),
        errors=tuple(DocumentedError(each["code"], each["status"] or 0) for each in errors.get("errors", ())),
        statuses=frozenset(errors.get("statuses", ())),
        sample=page.get("resultExample"),
        application_only=page.get("context", "").startswith("application"),
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def _scopes(text: str | None) -> frozenset[str]:
    if text in _BASIC_NAMES:
        return frozenset({BASIC})
    assert text is not None
    return frozenset(text.replace(",", " ").replace(" or ", " ").split())


def _parameters(
    page: Mapping[str, Any], params: Sequence[Mapping[str, Any]], above: Way, *, marked: bool
) -> Iterator[Parameter]:
    """The parameters with those of the objects in them; `marked`: the page marks required ones."""
    for each in params:
        way = (*above, each["name"])
        yield Parameter(way, each.get("base", each["type"]), marked and each["required"] is True)
        inner = page.get("defs", {}).get(each.get("ref", "").rpartition("/")[2])
        if inner:
            deeper = _ONE_LEVEL_DEEPER.get((page["method"], each["name"]))
            yield from _parameters(page, inner["fields"], (*way, deeper) if deeper else way, marked=marked)


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
