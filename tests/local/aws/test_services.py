"""The embedded stores: what they serve, what they refuse, and that they lose no write."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import urllib3

from local.aws import environment
from local.aws.clients import new_client
from local.aws.embedded import EmbeddedAws
from local.template.reader import Template
from tests.support.repository import ROOT
from tests.support.stores.tables import Tables

THREADS, INCREMENTS = 8, 25
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/lambda/aws4_request"}


def client(aws: EmbeddedAws, service: str) -> Any:
    return new_client(service, endpoint_url=aws.endpoint_url, region_name="eu-central-1")


def test_tables_are_those_of_the_template(embedded_aws: EmbeddedAws) -> None:
    dynamodb = embedded_aws.dynamodb()

    assert set(dynamodb.list_tables()["TableNames"]) == {"PortalTable", "CacheTable"}
    cache = dynamodb.describe_table(TableName="CacheTable")["Table"]
    assert cache["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert [index.get("IndexName") for index in cache["GlobalSecondaryIndexes"]] == ["by_chat"]


def test_secrets_are_stored_by_version(embedded_aws: EmbeddedAws) -> None:
    secrets = embedded_aws.secrets()
    first = secrets.create_secret(Name="chat-lookup/portal/versions", SecretString="one")
    secrets.put_secret_value(SecretId=first["ARN"], SecretString="two")

    read = secrets.get_secret_value(SecretId=first["ARN"], VersionId=first["VersionId"])
    assert read["SecretString"] == "one"


def test_default_event_bus_exists(embedded_aws: EmbeddedAws) -> None:
    assert [bus["Name"] for bus in client(embedded_aws, "events").list_event_buses()["EventBuses"]] == ["default"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/moto-api/reset", {}),
        ("/2015-03-31/functions", {}),
        ("/2015-03-31/functions/AdminFunction/invocations", SIGNED),
        ("/", {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/iam/aws4_request"}),
        ("/", {"X-Amz-Target": "AWSCognitoIdentityService.GetId"}),
    ],
)
def test_services_that_the_functions_do_not_use_are_refused(
    path: str, headers: dict[str, str], embedded_aws: EmbeddedAws
) -> None:
    url = embedded_aws.endpoint_url + path
    refused = urllib3.request("POST", url, body=b"Action=ListUsers", headers=headers, retries=False)

    assert (refused.status, refused.json()) == (400, {"__type": "UnknownOperationException"})


def test_preflight_of_a_browser_is_refused(embedded_aws: EmbeddedAws) -> None:
    preflight = urllib3.request(
        "OPTIONS",
        embedded_aws.endpoint_url,
        headers={"Origin": "https://example.com", "Access-Control-Request-Headers": "x-amz-target"},
        retries=False,
    )

    assert preflight.status == 403
    assert "access-control-allow-origin" not in preflight.headers


def count_up(tables: Tables) -> int:
    dynamodb = tables.client()

    def increment(_: int) -> None:
        dynamodb.update_item(
            TableName=tables.cache,
            Key={"pk": {"S": "counter"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(increment, range(THREADS * INCREMENTS)))
    return int(dynamodb.get_item(TableName=tables.cache, Key={"pk": {"S": "counter"}})["Item"]["n"]["N"])


@pytest.mark.usefixtures("often_interrupted")
def test_increments_of_many_threads_are_all_counted(tables: Tables) -> None:
    assert count_up(tables) == THREADS * INCREMENTS


@pytest.mark.dynamodb_local
def test_increments_of_many_threads_are_all_counted_by_the_vendors_engine(real_tables: Tables) -> None:
    assert count_up(real_tables) == THREADS * INCREMENTS


def claims_won(tables: Tables) -> int:
    dynamodb = tables.client()

    def claim(number: int) -> bool:
        try:
            dynamodb.put_item(
                TableName=tables.cache,
                Item={"pk": {"S": "claim"}, "by": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(claim, range(THREADS * 4)))


@pytest.mark.usefixtures("often_interrupted")
def test_only_one_of_many_claims_to_an_item_succeeds(tables: Tables) -> None:
    assert claims_won(tables) == 1


def only_tables(suffix: str) -> Template:
    """The queues and secrets have their names from the template alone, and are there already."""
    return replace(Template.load(ROOT / "template.yaml", table_suffix=suffix), queues=(), secrets=())


@pytest.fixture
def in_front_of_another(embedded_aws: EmbeddedAws) -> Iterator[EmbeddedAws]:
    front = EmbeddedAws(only_tables("-elsewhere"), region="eu-central-1", dynamodb=embedded_aws.endpoint_url)
    front.start()
    yield front
    front.stop()


def test_another_engine_replaces_the_tables_only(in_front_of_another: EmbeddedAws, embedded_aws: EmbeddedAws) -> None:
    in_front_of_another.dynamodb().put_item(TableName="CacheTable-elsewhere", Item={"pk": {"S": "ü"}})

    assert embedded_aws.dynamodb().scan(TableName="CacheTable-elsewhere")["Items"] == [{"pk": {"S": "ü"}}]
    assert client(in_front_of_another, "events").list_event_buses()["EventBuses"]


def test_errors_of_another_engine_arrive_unchanged(in_front_of_another: EmbeddedAws) -> None:
    dynamodb = in_front_of_another.dynamodb()

    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.scan(TableName="Nowhere")


def test_stop_of_the_stores_deletes_their_tables(embedded_aws: EmbeddedAws) -> None:
    passing = EmbeddedAws(only_tables("-passing"), region="eu-central-1")
    passing.start()
    passing.stop()

    assert not [name for name in embedded_aws.dynamodb().list_tables()["TableNames"] if "passing" in name]


def test_users_aws_settings_do_not_reach_the_functions_and_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_PROFILE": "production", "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.example"}.items():
        monkeypatch.setenv(name, value)

    with environment.replaced({"SET_INSIDE": "CacheTable"}):
        inside = dict(os.environ)

    assert {"AWS_PROFILE", "AWS_ENDPOINT_URL_DYNAMODB"}.isdisjoint(inside)
    assert (inside["AWS_ACCESS_KEY_ID"], inside["AWS_EC2_METADATA_DISABLED"]) == ("local", "true")
    assert inside["SET_INSIDE"] == "CacheTable"
    assert os.environ["AWS_PROFILE"] == "production"
    assert "SET_INSIDE" not in os.environ
