"""Commands printed in documents, parsed by the shell itself and checked against botocore's service models."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jmespath  # type: ignore[import-untyped]  # it has no types, and no stubs among ours
from botocore import xform_name
from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

from tests.support.processes import programs

RECORDED: Final = ("aws", "sam", "make", "curl", "lookup")
_GLOBAL: Final = frozenset({"--query", "--output", "--region", "--cli-binary-format"})
_BASH: Final = shutil.which("bash") or "bash"
_OTHER_NAMES: Final = {"deploy": "codedeploy"}
"""Services that the CLI calls otherwise than their models."""
_PLACEHOLDER: Final = "arn:aws:service:eu-central-1:123456789012:what/it-was-asked-for"
"""The output of each recorded command: long enough to be a name or an ARN in the next command."""


class Odd(AssertionError):
    """A command that its program would reject."""


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, at any indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def inline(text: str) -> list[str]:
    """Commands within a sentence."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    commands = re.findall(rf"`((?:{'|'.join(RECORDED)})\s[^`]+)`", prose)
    return [" ".join(command.split()) for command in commands]


def recorded(script: str, folder: Path) -> list[list[str]]:
    """The commands that a script runs, in order, each as its words; only the shell is run. Raises `Odd`."""
    record = folder / "record"
    record.write_bytes(b"")
    note = 'printf "%s\\0" "$@" >> "$RECORD"; printf "\\n\\0" >> "$RECORD"'
    functions = "".join(f'{name}() {{ set -- {name} "$@"; {note}; echo "{_PLACEHOLDER}"; }}\n' for name in RECORDED)
    # A shell finds no function by a name with a slash.
    command = [_BASH, "-euo", "pipefail", "-c", functions + script.replace("./lookup ", "lookup ")]
    done = programs.run(command, env={"RECORD": str(record), "PATH": ""}, timeout=20)
    if done.returncode or done.stderr:
        raise Odd(done.stderr)
    lines = record.read_bytes().decode().split("\0\n\0")
    return [line.split("\0") for line in lines if line]


@dataclass(frozen=True, slots=True)
class AwsCommand:
    """One command of the AWS CLI, as the request to its service."""

    service: str
    operation: str
    params: Mapping[str, Any]


def read(words: Sequence[str]) -> AwsCommand:
    """A command with its parameters, checked against the model of the service. Raises `Odd`."""
    service, command, *rest = words
    service = _OTHER_NAMES.get(service, service)
    session = Session()
    if service not in session.get_available_services():
        raise Odd(f"there is no service {service}")
    if command == "wait":
        command = _waited_for(session, service, rest.pop(0))
    model = session.get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if command not in operations:
        raise Odd(f"{service} has no operation {command}")
    operation = model.operation_model(operations[command])
    if operation.has_streaming_output:
        *rest, _ = rest  # the file that the response goes to
    params = dict(_params(operation, rest))
    if operation.input_shape is not None:
        faults = ParamValidator().validate(params, operation.input_shape)
        if faults.has_errors():
            raise Odd(f"{service} {command}: {faults.generate_report()}")
    return AwsCommand(service, operation.name, params)


def _waited_for(session: Session, service: str, name: str) -> str:
    waiters = session.get_waiter_model(service)
    named = {xform_name(each, "-"): each for each in waiters.waiter_names}
    if name not in named:
        raise Odd(f"{service} has no waiter {name}")
    return xform_name(waiters.get_waiter(named[name]).operation, "-")


def _params(operation: OperationModel, words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    shape = operation.input_shape
    members = {f"--{xform_name(name, '-')}": (name, member) for name, member in shape.members.items()} if shape else {}
    for option, values in _options(words):
        if option in _GLOBAL:
            if option == "--query":
                jmespath.compile(values[0])
        elif option.replace("--no-", "--") in members and not values:
            name, member = members[option.replace("--no-", "--")]
            if member.type_name != "boolean":
                raise Odd(f"{option} needs a value")
            yield name, not option.startswith("--no-")
        elif option in members:
            name, member = members[option]
            yield name, _value(member, values)
        else:
            raise Odd(f"{operation.name} has no {option}")


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    option, values = "", list[str]()
    for word in words:
        if word.startswith("--"):
            if option:
                yield option, values
            option, values = word, []
        elif not option:
            raise Odd(f"{word} belongs to no option")
        else:
            values.append(word)
    if option:
        yield option, values


def _value(shape: Shape, words: Sequence[str]) -> object:
    """Words as the CLI understands them: JSON, or its shorthand `key=value,key=value`, one word for each of a list."""
    if isinstance(shape, ListShape) and words[0][:1] != "[":
        return [_value(shape.member, [word]) for word in words]
    if len(words) != 1:
        raise Odd(f"one value is expected, not {len(words)}")
    (word,) = words
    if shape.type_name == "blob":
        return word.encode()
    if word[:1] in ("{", "["):
        return json.loads(word)
    if isinstance(shape, StructureShape):
        return dict(_field(shape, part) for part in word.split(","))
    if isinstance(shape, StringShape) and shape.enum and word not in shape.enum:
        raise Odd(f"{word} is not one of {', '.join(shape.enum)}")
    return _SCALARS.get(shape.type_name, str)(word)


def _field(shape: StructureShape, part: str) -> tuple[str, object]:
    key, _, value = part.partition("=")
    if key not in shape.members:
        raise Odd(f"{shape.name} has no field {key}")
    return key, _value(shape.members[key], [value])


_SCALARS: Final[Mapping[str, Callable[[str], object]]] = {"integer": int, "long": int, "boolean": "true".__eq__}
