"""What `make deploy` uploads: `sam package` of the built artifact, into a local S3."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.session import Session

from local.template.intrinsics import parsed
from tests.support.moto_server import moto_server
from tests.support.processes import programs
from tests.support.repository import ROOT

pytestmark = pytest.mark.timeout(600)  # the first of these tests builds

BUCKET: Final = "uploads"
KEYS: Final = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a local S3."""
    with moto_server() as address:
        yield address


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    session: Any = Session()
    session.set_credentials(*KEYS.values())
    client = session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint)
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="module")
def packaged(
    sam: str, sam_environment: dict[str, str], artifact: Path,
    endpoint: str, s3: Any, tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:  # fmt: skip
    """The template that CloudFormation receives."""
    assert s3 is not None
    target = tmp_path_factory.mktemp("packaged") / "template.yaml"
    command = [sam, "package", "--template-file", str(artifact / "template.yaml"), "--s3-bucket", BUCKET]
    variables = sam_environment | KEYS | {"AWS_ENDPOINT_URL": endpoint}
    done = programs.run([*command, "--output-template-file", str(target)], env=variables, cwd=artifact, timeout=300)
    assert done.returncode == 0, done.stderr
    template = parsed(target.read_text("utf-8"))
    assert isinstance(template, dict)
    return template


def written_in(template: dict[str, Any]) -> dict[str, str]:
    """Where the template has each part of the build."""
    places = ("CodeUri", "ContentUri", "Location")
    return {
        name: str(resource["Properties"][place])
        for name, resource in template["Resources"].items()
        for place in places
        if place in resource.get("Properties", {})
    }


def test_every_part_of_the_build_is_uploaded_the_nested_templates_too(
    packaged: dict[str, Any], artifact: Path, s3: Any
) -> None:
    uploads = written_in(packaged)
    stored = {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}

    assert uploads.keys() == {path.name for path in artifact.iterdir() if path.is_dir()}
    assert {place.rpartition("/")[2] for place in uploads.values()} == stored
    assert all(re.match(r"s3://|https?://", place) for place in uploads.values())


def test_uploaded_nested_template_has_the_resources_of_the_sources(packaged: dict[str, Any], s3: Any) -> None:
    for name, resource in packaged["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Application":
            continue
        key = written_in(packaged)[name].rpartition("/")[2]
        uploaded: Any = parsed(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())
        source: Any = parsed((ROOT / "monitoring/template.yaml").read_text("utf-8"))
        assert uploaded["Resources"].keys() == source["Resources"].keys()
        assert (
            uploaded["Parameters"].keys() == source["Parameters"].keys() >= resource["Properties"]["Parameters"].keys()
        )
        return
    pytest.fail("no nested template")


def test_sam_has_the_options_of_the_deployment(sam: str, sam_environment: dict[str, str]) -> None:
    done = programs.run([sam, "deploy", "--help"], env=sam_environment, timeout=120)
    assert done.returncode == 0, done.stderr
    options = set(re.findall(r'"(--[a-z-]+)"', (ROOT / "tools/deploy.py").read_text("utf-8")))

    assert {"--config-env", "--no-execute-changeset", "--no-fail-on-empty-changeset"} == options
    assert [option for option in options if option not in done.stdout] == []
