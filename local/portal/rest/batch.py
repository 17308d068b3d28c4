"""`batch`: up to fifty calls in one request (bitrix24.md 2.6)."""

import re
from collections.abc import Callable, Mapping

from local.portal.methods.call import Page
from local.portal.protocol import php
from local.portal.protocol.errors import Refused
from local.portal.protocol.rest_wire import method_name

MOST_COMMANDS = 50

Time = Mapping[str, object]
Perform = Callable[[str, Mapping[str, object]], tuple[object, Time]]
"""Returns a result, which may be a page, and its `time`."""

_REFERENCE = re.compile(r"\$result((?:\[[^\[\]]*\])+)")
_WITHOUT_TEXT = frozenset({"insufficient_scope"})  # its text is empty inside a batch (batch.md)


def run(params: Mapping[str, object], perform: Perform) -> dict[str, object]:
    """Runs the commands of `cmd` in order through `perform`, which returns (result, time) or raises Refused.

    A failing command does not fail the others; with `halt` no command runs after it, so that later keys are in no
    container. Commands past the fiftieth are refused one by one.
    """
    folded = {name.lower(): value for name, value in params.items()}
    halt = not php.is_empty(php.text(folded.get("halt")))
    results: dict[str, object] = {}
    errors: dict[str, object] = {}
    times: dict[str, object] = {}
    totals: dict[str, object] = {}
    following: dict[str, object] = {}
    for position, (key, command) in enumerate(php.entries(folded.get("cmd")).items()):
        try:
            result, times[key] = _one(position, php.text(command), results, perform)
            if isinstance(result, Page):
                totals[key], following[key] = result.total, result.next
                result = result.items
            results[key] = result
        except Refused as refused:
            description = "" if refused.code in _WITHOUT_TEXT else refused.description
            errors[key] = {"error": refused.code, "error_description": description}
            if halt:
                break
    return {
        "result": php.as_json(results),
        "result_error": php.as_json(errors),
        "result_total": php.as_json(totals),
        "result_next": php.as_json({key: start for key, start in following.items() if start is not None}),
        "result_time": php.as_json(times),
    }


def _one(position: int, command: str, results: Mapping[str, object], perform: Perform) -> tuple[object, Time]:
    if position >= MOST_COMMANDS:
        raise Refused("ERROR_BATCH_LENGTH_EXCEEDED")
    name, _, query = command.partition("?")
    method = method_name(name.strip())
    if method.lower() == "batch":
        raise Refused("ERROR_BATCH_METHOD_NOT_ALLOWED")
    return perform(method, {key: _resolve(value, results) for key, value in php.decode_query(query).items()})


def _resolve(value: object, results: Mapping[str, object]) -> object:
    """Replaces `$result[key][field]` by the earlier result: by its value if it is all there is, else by its text."""
    if isinstance(value, dict):
        return {key: _resolve(item, results) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if whole := _REFERENCE.fullmatch(value):
        return _look_up(whole.group(1), results)
    return _REFERENCE.sub(lambda found: php.text(_look_up(found.group(1), results)), value)


def _look_up(path: str, results: Mapping[str, object]) -> object:
    """The value under `[key][field]…`, None where the path ends early."""
    value: object = results
    for key in path[1:-1].split("]["):
        value = php.entries(value).get(key)
    return value
