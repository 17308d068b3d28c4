"""What the build cuts: the kept operations work as before, the endpoints are the same, and a wrong list is refused."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.session import Session, get_session

from chat_lookup.bootstrap import aws_clients
from chat_lookup.config import from_environ
from layers.trim import LEFT_OUT, OPERATIONS, Operations, lines, model_of, remove, trim
from tests.support.stores import cut_data

SERVICES = Operations.read(cut_data.LISTS).services
KEPT = [(service, operation) for service, operations in sorted(SERVICES.items()) for operation in sorted(operations)]
PACKAGES: Final = cut_data.WHOLE.parent.parent
"""What is installed here, botocore among it."""
REGIONS = {"aws": "eu-central-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_data.cut(tmp_path_factory.mktemp("botocore") / "data")


@pytest.fixture(scope="module")
def cut(data: Path) -> Session:
    """A session with the data of the layer."""
    session = cut_data.session_of(data)
    session.set_credentials("access", "secret")
    return session


@pytest.fixture(scope="module")
def whole() -> Session:
    session = get_session()
    session.set_credentials("access", "secret")
    return session


def described(shape: Shape | None, seen: tuple[str, ...] = ()) -> object:
    """A shape and all that it contains: types, names on the wire, bounds."""
    if shape is None or shape.name in seen:
        return shape and shape.name
    seen = (*seen, shape.name)
    inside: list[tuple[str, Shape]] = []
    if isinstance(shape, StructureShape):
        inside = list(shape.members.items())
    elif isinstance(shape, ListShape):
        inside = [("member", shape.member)]
    elif isinstance(shape, MapShape):
        inside = [("key", shape.key), ("value", shape.value)]
    return (
        shape.name,
        shape.type_name,
        shape.serialization,
        shape.metadata,
        [(n, described(s, seen)) for n, s in inside],
    )


def described_operation(operation: OperationModel) -> object:
    errors = [described(error) for error in operation.error_shapes]
    return operation.http, described(operation.input_shape), described(operation.output_shape), errors


@pytest.mark.parametrize(("service", "operation"), KEPT)
def test_kept_operation_is_what_it_was(service: str, operation: str, cut: Session, whole: Session) -> None:
    ours, theirs = (
        session.get_service_model(service).operation_model(operation) for session in (cut, whole)
    )  # fmt: skip
    assert described_operation(ours) == described_operation(theirs)
    assert ours.service_model.metadata == theirs.service_model.metadata


@pytest.mark.parametrize("service", SERVICES)
def test_kept_data_has_no_documentation_and_no_other_operation(service: str, cut: Session) -> None:
    model = cut.get_service_model(service)
    assert set(model.operation_names) == SERVICES[service]
    assert not model.documentation
    assert not [name for name in model.shape_names if model.shape_for(name).documentation]


def endpoints(session: Any, service: str) -> Iterator[object]:
    resolver = session._get_internal_component("endpoint_resolver")
    for partition in session.get_available_partitions():
        for region in resolver.get_available_endpoints(service, partition, allow_non_regional=True):
            yield region, resolver.construct_endpoint(service, region, partition)


@pytest.mark.parametrize("service", SERVICES)
def test_endpoints_of_every_region_of_all_partitions_are_what_they_were(
    service: str, cut: Session, whole: Session
) -> None:
    found = list(endpoints(cut, service))
    assert found == list(endpoints(whole, service))
    assert len(found) > len(REGIONS)


@pytest.mark.parametrize("region", REGIONS.values())
@pytest.mark.parametrize("service", SERVICES)
def test_client_signs_a_request_for_the_same_address_as_with_the_whole_data(
    service: str, region: str, cut: Session, whole: Session
) -> None:
    addresses = []
    for session in (cut, whole):
        client: Any = session.create_client(service, region_name=region)
        method = client.meta.method_to_api_mapping
        name = min(each for each, operation in method.items() if operation in SERVICES[service])
        model = client.meta.service_model.operation_model(method[name])
        given = {each: "name" for each in model.input_shape.required_members if each != "Key"}
        addresses.append((client.meta.endpoint_url, client.meta.region_name, name, sorted(given)))
    assert addresses[0] == addresses[1]
    assert addresses[0][0].startswith(f"https://{service}.{region}.amazonaws.com")


def test_operation_outside_of_the_list_fails_with_an_error_that_names_the_list(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    cut_data.use(data, monkeypatch)
    names = {"PORTAL_TABLE": "PortalTable", "CACHE_TABLE": "CacheTable", "SECRET_PREFIX": "unit"}
    client: Any = aws_clients.dynamodb(from_environ(names))
    with pytest.raises(AttributeError, match=r"dynamodb has no describe_table.*layers/chat_lookup/botocore-data\.txt"):
        client.describe_table(TableName="PortalTable")
    assert not hasattr(client, "create_table")
    assert client.can_paginate("query")


def test_member_with_the_name_of_a_documentation_is_kept() -> None:
    shapes = {
        "In": {
            "type": "structure",
            "documentation": "<p>",
            "members": {"documentation": {"shape": "Text", "documentation": "<p>"}, "shape": {"shape": "Text"}},
        },
        "Text": {"type": "string"},
        "Unused": {"type": "structure", "members": {}},
    }
    model = {"operations": {"Do": {"input": {"shape": "In"}, "documentation": "<p>"}}, "shapes": shapes}
    assert model_of(model, frozenset({"Do"})) == {
        "operations": {"Do": {"input": {"shape": "In"}}},
        "shapes": {
            "In": {"type": "structure", "members": {"documentation": {"shape": "Text"}, "shape": {"shape": "Text"}}},
            "Text": {"type": "string"},
        },
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("botocore 1.2.3\ndynamodb GetItem\n", "was made for botocore 1.2.3"),
        ("dynamodb GetItem\n", "must begin with botocore"),
        ("botocore 9.9.9\nnowhere GetItem\n", "names nowhere, which botocore does not have"),
        ("botocore 9.9.9\nsqs SendMessage\nsqs SendFax\n", "names operations that botocore does not have: SendFax"),
    ],
)
def test_list_that_does_not_fit_the_packages_stops_the_build(lines: str, message: str, tmp_path: Path) -> None:
    (tmp_path / OPERATIONS).write_text(lines)
    (tmp_path / LEFT_OUT).write_text("")
    packages = tmp_path / "packages"
    (packages / "botocore-9.9.9.dist-info").mkdir(parents=True)
    whole = packages / "botocore" / "data"
    whole.mkdir(parents=True)
    for part in (*cut_data.WHOLE.glob("*.json"), cut_data.WHOLE / "sqs"):
        (whole / part.name).symlink_to(part)
    with pytest.raises(SystemExit, match=message):
        trim(packages, tmp_path)


def test_name_that_is_left_out_and_not_installed_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "unused").mkdir()
    with pytest.raises(SystemExit, match=r"left-out\.txt names absent/one, which the packages do not have"):
        remove(tmp_path, ["unused", "absent/one"])
    assert not (tmp_path / "unused").exists()


def test_import_of_each_module_that_is_left_out_fails_with_an_error_that_names_the_list(tmp_path: Path) -> None:
    names = lines(cut_data.LISTS / LEFT_OUT)
    for name in names:
        file = tmp_path / name / "__init__.py" if (PACKAGES / name).is_dir() else tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    remove(tmp_path, names)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    left = {path.relative_to(tmp_path).with_suffix("").as_posix(): path for path in files}
    assert left.keys() == {name.removesuffix(".py") for name in names}
    for module, path in left.items():
        with pytest.raises(ModuleNotFoundError, match=rf"{module} is not in the layer: .*left-out\.txt") as failed:
            runpy.run_path(str(path), run_name=module)
        assert failed.value.name == module
