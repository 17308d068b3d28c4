"""What Secrets Manager's client does for the package, whatever is behind it: moto, or this process's memory."""

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ONE, TWO, THREE = ("00000000-0000-4000-8000-00000000000" + digit for digit in "123")


def made(secrets: "SecretsManagerClient", content: str = "one", version: str = ONE) -> str:
    """The ARN of a new secret."""
    answer = secrets.create_secret(
        Name=f"contract/{uuid.uuid4().hex}", SecretString=content, ClientRequestToken=version
    )
    assert answer["VersionId"] == version
    return answer["ARN"]


def read(secrets: "SecretsManagerClient", arn: str, **version: str) -> tuple[str, str]:
    answer = secrets.get_secret_value(SecretId=arn, **version)
    assert answer["ARN"] == arn
    return answer["VersionId"], answer["SecretString"]


def stages(secrets: "SecretsManagerClient", arn: str) -> dict[str, set[str]]:
    """The stages of each version that has one."""
    found = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    return {version: set(names) for version, names in found.items() if names}


def code_of(secrets: "SecretsManagerClient", work: Callable[[], Any], name: str = "ClientError") -> str:
    """The code of the failure in which this ends, which is the client's own exception of this name."""
    with pytest.raises(getattr(secrets.exceptions, name)) as caught:
        work()
    assert isinstance(caught.value, ClientError)
    return caught.value.response["Error"]["Code"]


def scenario_every_version_is_read_by_its_name_and_the_last_without(secrets: "SecretsManagerClient") -> None:
    arn = made(secrets)
    assert read(secrets, arn) == read(secrets, arn, VersionId=ONE) == (ONE, "one")
    assert secrets.put_secret_value(SecretId=arn, SecretString="two", ClientRequestToken=TWO)["VersionId"] == TWO
    assert read(secrets, arn) == read(secrets, arn, VersionId=TWO) == (TWO, "two")
    assert read(secrets, arn, VersionId=ONE) == (ONE, "one")
    assert stages(secrets, arn) == {ONE: {"AWSPREVIOUS"}, TWO: {"AWSCURRENT"}}


def scenario_versions_without_a_name_of_ones_own_get_one(secrets: "SecretsManagerClient") -> None:
    arn = secrets.create_secret(Name=f"contract/{uuid.uuid4().hex}", SecretString="one")["ARN"]
    version = secrets.put_secret_value(SecretId=arn, SecretString="two")["VersionId"]
    assert read(secrets, arn) == (version, "two")


def scenario_a_version_is_written_once_and_never_changed(secrets: "SecretsManagerClient") -> None:
    arn = made(secrets)
    for _ in range(3):
        secrets.put_secret_value(SecretId=arn, SecretString="two", ClientRequestToken=TWO)
    secrets.put_secret_value(SecretId=arn, SecretString="three", ClientRequestToken=THREE)
    # An old version that is written again does not become the newest.
    secrets.put_secret_value(SecretId=arn, SecretString="two", ClientRequestToken=TWO)
    assert read(secrets, arn) == (THREE, "three")
    changes = lambda: secrets.put_secret_value(SecretId=arn, SecretString="other", ClientRequestToken=TWO)  # noqa: E731
    assert code_of(secrets, changes, "ResourceExistsException") == "ResourceExistsException"
    assert read(secrets, arn, VersionId=TWO) == (TWO, "two")


def scenario_a_version_with_another_stage_leaves_the_newest(secrets: "SecretsManagerClient") -> None:
    arn = made(secrets)
    for version in (TWO, THREE):
        secrets.put_secret_value(
            SecretId=arn, SecretString=version, ClientRequestToken=version, VersionStages=["reserved"]
        )
        assert read(secrets, arn) == (ONE, "one")
        assert read(secrets, arn, VersionId=version) == (version, version)
        assert stages(secrets, arn) == {ONE: {"AWSCURRENT"}, version: {"reserved"}}


def scenario_what_is_not_there_is_not_found(secrets: "SecretsManagerClient") -> None:
    arn = made(secrets)
    gone = f"{arn[:-12]}-nowhere-AbCdEf"
    for work in (
        lambda: secrets.get_secret_value(SecretId=arn, VersionId=TWO),
        lambda: secrets.get_secret_value(SecretId=gone),
        lambda: secrets.put_secret_value(SecretId=gone, SecretString="two"),
        lambda: secrets.describe_secret(SecretId=gone),
    ):
        assert code_of(secrets, work, "ResourceNotFoundException") == "ResourceNotFoundException"


def scenario_a_name_is_taken_once(secrets: "SecretsManagerClient") -> None:
    name = secrets.describe_secret(SecretId=made(secrets))["Name"]
    again = lambda: secrets.create_secret(Name=name, SecretString="two", ClientRequestToken=TWO)  # noqa: E731
    assert code_of(secrets, again, "ResourceExistsException") == "ResourceExistsException"


def scenario_a_secret_deleted_without_recovery_is_gone(secrets: "SecretsManagerClient") -> None:
    arn, other = made(secrets), made(secrets)
    for _ in range(2):
        secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert code_of(secrets, lambda: secrets.get_secret_value(SecretId=arn)) == "ResourceNotFoundException"
    listed = {each["ARN"] for page in secrets.get_paginator("list_secrets").paginate() for each in page["SecretList"]}
    assert arn not in listed
    assert other in listed
    assert other in {each["ARN"] for each in secrets.list_secrets(MaxResults=100)["SecretList"]}


def scenario_a_secret_that_is_to_be_deleted_refuses_requests(secrets: "SecretsManagerClient") -> None:
    arn = made(secrets)
    secrets.delete_secret(SecretId=arn)
    assert code_of(secrets, lambda: secrets.get_secret_value(SecretId=arn)) == "InvalidRequestException"
    assert secrets.describe_secret(SecretId=arn)["ARN"] == arn
    listed = {each["ARN"] for page in secrets.get_paginator("list_secrets").paginate() for each in page["SecretList"]}
    assert arn not in listed


def scenario_a_key_is_kept_where_one_was_given(secrets: "SecretsManagerClient") -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    arn = secrets.create_secret(Name=f"contract/{uuid.uuid4().hex}", SecretString="one", KmsKeyId=key)["ARN"]
    assert secrets.describe_secret(SecretId=arn)["KmsKeyId"] == key
    assert "KmsKeyId" not in secrets.describe_secret(SecretId=made(secrets))


SCENARIOS: Final[Mapping[str, Callable[["SecretsManagerClient"], None]]] = {
    name.removeprefix("scenario_"): scenario
    for name, scenario in list(globals().items())
    if name.startswith("scenario_")
}
