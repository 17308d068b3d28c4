"""`batch`: up to fifty calls in one request, each with an outcome of its own (bitrix24.md 2.6)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.responses import Answer, Asked, OperatingTime, error_in, operating_time

BATCH: Final = "batch"
MOST_COMMANDS: Final = 50

_OK: Final = 200
"""A batch answers so whatever became of its commands."""
_LONGEST_COMMAND: Final = 8 * 1024
"""Characters; the longest pair there can be takes 6,200, when each of its characters is encoded as twelve."""
_METHOD: Final = re.compile(r"\w+(\.\w+)*", re.ASCII)
_NOT_AS_IT_IS: Final = re.compile(r"\$.*\[|[\ud800-\udfff]", re.DOTALL)
"""What may be a reference (see `Command.batchable`), and halves of characters, which no URL can hold."""


@dataclass(frozen=True, slots=True)
class Command:
    """A call of one method, alone or within a batch; `repr` leaves the parameters out, a bot's token may be among them.

    Raises `ValueError` for what is no method's name.
    """

    method: str
    params: Mapping[str, object] = field(repr=False)

    def __post_init__(self) -> None:
        if not _METHOD.fullmatch(self.method):
            raise ValueError("not the name of a method")

    @property
    def batchable(self) -> bool:
        """Whether a batch carries this call as it is; if not, it has to be made alone.

        Wherever `$result[key]` stands in a parameter of a command, the platform puts an earlier command's result in
        its place, and nothing escapes it: the URL encoding is undone before. Its own source (evidence, no contract)
        does so inside longer text, in any case, and with the other containers, `$time[…]` for one. So whatever has a
        `$` somewhere before a `[` is not sent in a batch. Nor are batches themselves and what is too long.
        """
        return _text(self) is not None


Outcome: TypeAlias = Answer | BitrixError | None
"""What became of a command; None: it was never run."""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The outcomes of a batch in the order of its commands, and what it cost as a whole.

    An outcome's `time` is that of its command, its `elapsed` the whole batch's. Some portals bill the method `batch`
    instead of the methods in it: then `time` says so (bitrix24.md 9, row 9).
    """

    outcomes: tuple[Outcome, ...]
    time: OperatingTime
    elapsed: float


def encoded(commands: Sequence[Command]) -> dict[str, object]:
    """The parameters of `batch` for a JSON POST, in which commands are plain text and values encoded once.

    A command's failure does not halt those that follow. Raises `ValueError` for none, for more than fifty, and for
    one that is not `batchable`.
    """
    if not 0 < len(commands) <= MOST_COMMANDS:
        raise ValueError(f"a batch has 1 to {MOST_COMMANDS} commands")
    texts = [_text(command) for command in commands]
    if None in texts:
        raise ValueError("a command of the batch has to be called alone")
    return {"halt": 0, "cmd": dict(zip(_keys(len(texts)), texts, strict=True))}


def read_batch(answer: Answer, commands: Sequence[Command], asked: Asked) -> BatchAnswer | BitrixError:
    """Every command's outcome, or PROTOCOL for all of them if anything in the answer cannot be told apart.

    A key in both containers is an error. One that is present with null is a result, one in neither was never run.
    """
    keys = _keys(len(commands))
    said = answer.result if isinstance(answer.result, dict) else {}
    results, errors, times = (_by_key(said.get(part)) for part in ("result", "result_error", "result_time"))
    if "result" not in said or results is None or errors is None or not {*results, *errors} <= set(keys):
        # A result under a key that nobody gave may be the answer to any of the commands.
        return BitrixError(
            "PROTOCOL", _OK, method=BATCH, description="not the outcomes of these commands", webhook=asked.is_webhook
        )

    def outcome(key: str, command: Command) -> Outcome:
        time = times.get(key) if times else None
        error = _refusal(errors.get(key), time, asked, command.method)
        if error is None and key in results:
            return Answer(results[key], operating_time(time), answer.elapsed, _pages(said, key))
        return error

    return BatchAnswer(tuple(map(outcome, keys, commands)), answer.time, answer.elapsed)


def _pages(said: Mapping[str, object], key: str) -> dict[str, object]:
    """What a list's result tells besides, each in a container of its own."""
    containers = {name: _by_key(said.get(f"result_{name}")) or {} for name in ("next", "total")}
    return {name: container[key] for name, container in containers.items() if key in container}


def _refusal(said: object, time: object, asked: Asked, method: str) -> BitrixError | None:
    """A command's error: an object like a call's own, or its code alone; there is no status in a batch (7.0)."""
    body = said if isinstance(said, Mapping) and "error" in said else {"error": said}
    return error_in({"time": time, **body}, _OK, asked, method)


def _by_key(container: object) -> dict[str, object] | None:
    """A container by our keys; a list holds what stands under 0, 1, 2 and so on, and is PHP's empty map, too."""
    if isinstance(container, list):
        return dict(zip(_keys(len(container)), container, strict=True))
    if container is None:
        return {}
    return container if isinstance(container, dict) else None


def _keys(count: int) -> list[str]:
    return [f"k{position}" for position in range(count)]


def _text(command: Command) -> str | None:
    """A command as `method?query`; None if a batch does not carry it as it is."""
    pairs = [pair for name, value in command.params.items() for pair in _flat(name, value)]
    if command.method.casefold() == BATCH or any(_NOT_AS_IT_IS.search(part) for pair in pairs for part in pair):
        return None
    text = f"{command.method}?{urlencode(pairs, quote_via=quote, safe='')}"
    return text if len(text) <= _LONGEST_COMMAND else None


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A parameter as PHP's `http_build_query` takes it apart: `select[0]` and its value, nothing for null."""
    if isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _flat(f"{name}[{key}]", item)
    elif isinstance(value, bool):
        yield name, str(int(value))
    elif isinstance(value, str | int | float):
        yield name, str(value)
    elif value is not None:
        raise TypeError(f"a parameter cannot be {type(value).__name__}")
