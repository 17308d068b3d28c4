"""What the local run takes from the template, and what it refuses to overlook."""

from pathlib import Path

import pytest

from local import environment
from local.template import Route, Template, TemplateError

ROOT = Path(__file__).parents[2]
SMALL = """
Parameters:
  LogLevel: {Type: String, Default: INFO}
Globals:
  Function:
    Handler: app.handler
    MemorySize: 512
    Environment:
      Variables:
        TABLE: !Ref Things
        LEVEL: !Ref LogLevel
        PREFIX: !Sub "${AWS::StackName}/things/${!kept}"
        FLAG: true
Resources:
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
  Answering:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/answering
      Timeout: 29
      Environment: {Variables: {OWN: mine, LEVEL: DEBUG}}
      Events:
        Get: {Type: HttpApi, Properties: {Method: get, Path: "/things/{id}"}}
        Rest: {Type: HttpApi}
        Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/aws/lambda/${Answering}", RetentionInDays: 7}
"""


def load(folder: Path, text: str, table_suffix: str = "") -> Template:
    path = folder / "template.yaml"
    path.write_text(text)
    return Template.load(path, table_suffix=table_suffix)


def test_a_function_has_its_own_properties_and_the_globals(tmp_path: Path) -> None:
    function = load(tmp_path, SMALL).functions["Answering"]

    assert (function.code_uri, function.handler) == (tmp_path / "functions/answering", "app.handler")
    assert (function.timeout, function.memory_size) == (29.0, 512)


def test_variables_of_a_function_go_before_the_globals_and_references_are_resolved(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL).functions["Answering"].environment == {
        "TABLE": "Things",
        "LEVEL": "DEBUG",
        "PREFIX": "chat-lookup/things/${kept}",
        "FLAG": "true",
        "OWN": "mine",
    }


def test_routes_come_from_the_functions_events_and_one_without_a_path_is_the_default(tmp_path: Path) -> None:
    routes = load(tmp_path, SMALL).routes

    assert routes == (Route("GET", "/things/{id}", "Answering"), Route("ANY", "$default", "Answering"))
    assert [route.key for route in routes] == ["GET /things/{id}", "$default"]


def test_a_schedule_is_no_route_and_nothing_to_complain_of(tmp_path: Path) -> None:
    without = SMALL.replace("Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}", "")

    assert load(tmp_path, SMALL).routes == load(tmp_path, without).routes


def test_a_table_is_named_by_its_logical_id_and_leaves_out_what_only_the_cloud_has(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL).tables == (
        {
            "TableName": "Things",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        },
    )


def test_a_suffix_of_the_tables_also_reaches_the_functions(tmp_path: Path) -> None:
    template = load(tmp_path, SMALL, table_suffix="-7")

    assert template.tables[0]["TableName"] == "Things-7"
    assert template.functions["Answering"].environment["TABLE"] == "Things-7"


@pytest.mark.parametrize(
    ("said", "instead", "complaint"),
    [
        ("AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "Things: the local run has no AWS::Kinesis::Stream"),
        ("BillingMode:", "StreamSpecification:", "Things: the local run does not know StreamSpecification"),
        ("{Type: HttpApi}", "{Type: Api}", "Answering.Events.Rest: the local run has no events of type Api"),
        ("Method: get", "Method: get, Auth: {}", "Answering.Events.Get: the local run does not know Auth"),
        ("Method: get", "Method: get, PayloadFormatVersion: '1.0'", "Answering.Events.Get: .*payload format 2.0 only"),
        ("!Ref Things", "!GetAtt Things.Arn", "Globals.TABLE: the local run does not follow Fn::GetAtt"),
        ("!Ref Things", "!Ref Nothing", "Globals.TABLE refers to Nothing"),
        ("!Ref Things", "[a, b]", "Globals.TABLE is not text"),
        ("Default: INFO", "Description: none", "Globals.LEVEL: the default of parameter LogLevel is not text"),
        ("AWS::Serverless::Function", "AWS::Serverless::Function\n    Condition: Odd", "Answering: .*conditions"),
        ("CodeUri: functions/answering", "Description: none", "Answering.CodeUri is not text"),
    ],
)
def test_what_it_would_have_to_read_and_does_not_understand_is_an_error_that_names_the_place(
    said: str, instead: str, complaint: str, tmp_path: Path
) -> None:
    assert said in SMALL
    with pytest.raises(TemplateError, match=complaint):
        load(tmp_path, SMALL.replace(said, instead))


def test_an_api_with_routes_of_its_own_is_refused(tmp_path: Path) -> None:
    api = "  Edge:\n    Type: AWS::Serverless::HttpApi\n    Properties: {DefinitionUri: api.yaml}\n"

    with pytest.raises(TemplateError, match="Edge: routes stand with the functions, not in DefinitionUri"):
        load(tmp_path, SMALL + api)


def test_the_environment_is_filled_by_name_and_a_name_that_no_function_declares_is_refused(tmp_path: Path) -> None:
    template = load(tmp_path, SMALL)

    assert environment.variables(template, {"OWN": "another"})["OWN"] == "another"
    with pytest.raises(TemplateError, match="no function declares MISSING"):
        environment.variables(template, {"MISSING": "1"})


def test_functions_that_want_different_values_of_one_variable_cannot_share_a_process(tmp_path: Path) -> None:
    second = SMALL.partition("  Answering:")[2].partition("  Logs:")[0].replace("OWN: mine", "OWN: yours")
    template = load(tmp_path, SMALL + "  Second:" + second)

    with pytest.raises(TemplateError, match="OWN differs between functions"):
        environment.variables(template, {})
    assert environment.variables(template, {"OWN": "the same"})["OWN"] == "the same"


def test_the_projects_own_template_is_understood() -> None:
    template = Template.load(ROOT / "template.yaml")

    assert "GET /v1/chats" in {route.key for route in template.routes}
    assert {table["TableName"] for table in template.tables} == {"PortalTable", "CacheTable"}
    assert {"CA_PEM", "LOCAL_HOSTS", "AWS_ENDPOINT_URL"} <= template.declared()
