"""What the local run reads from the template, and what it refuses because it does not support it."""

from pathlib import Path

import pytest

from local.aws import environment
from local.template.queues import Asynchronous, EventSource, Queue
from local.template.reader import Route, Template, TemplateError
from tests.support.repository import ROOT

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
QUEUED = """
Parameters:
  Receives: {Type: Number, Default: 5}
Resources:
  Work:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      VisibilityTimeout: 180
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: !Ref Receives}
  Dead:
    Type: AWS::SQS::Queue
    Properties: {MessageRetentionPeriod: 1209600}
  MayWrite:
    Type: AWS::SQS::QueuePolicy
    Properties: {Queues: [!Ref Dead]}
  Taking:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/taking
      Handler: app.handler
      Environment: {Variables: {QUEUE_URL: !Ref Work, WORKER: !Ref Working}}
  Working:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/working
      Handler: app.handler
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt [Dead, Arn]}}
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Work.Arn
            BatchSize: 5
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 10}
"""


def load(folder: Path, text: str, table_suffix: str = "") -> Template:
    path = folder / "template.yaml"
    path.write_text(text)
    return Template.load(path, table_suffix=table_suffix)


def test_function_has_its_own_properties_and_the_globals(tmp_path: Path) -> None:
    function = load(tmp_path, SMALL).functions["Answering"]

    assert (function.code_uri, function.handler) == (tmp_path / "functions/answering", "app.handler")
    assert (function.timeout, function.memory_size) == (29.0, 512)


def test_variables_of_a_function_override_the_globals_and_references_are_resolved(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL).functions["Answering"].environment == {
        "TABLE": "Things",
        "LEVEL": "DEBUG",
        "PREFIX": "chat-lookup/things/${kept}",
        "FLAG": "true",
        "OWN": "mine",
    }


def test_routes_are_events_of_the_functions_and_one_without_a_path_is_the_default(tmp_path: Path) -> None:
    routes = load(tmp_path, SMALL).routes

    assert routes == (Route("GET", "/things/{id}", "Answering"), Route("ANY", "$default", "Answering"))
    assert [route.key for route in routes] == ["GET /things/{id}", "$default"]


def test_schedule_is_ignored(tmp_path: Path) -> None:
    without = SMALL.replace("Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}", "")

    assert load(tmp_path, SMALL).routes == load(tmp_path, without).routes


def test_table_is_named_by_its_logical_id_without_properties_of_the_cloud(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL).tables == (
        {
            "TableName": "Things",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        },
    )


def test_suffix_of_the_tables_also_reaches_the_functions(tmp_path: Path) -> None:
    template = load(tmp_path, SMALL, table_suffix="-7")

    assert template.tables[0]["TableName"] == "Things-7"
    assert template.functions["Answering"].environment["TABLE"] == "Things-7"


CONDITIONS = """
Conditions:
  Quiet: !Equals [!Ref LogLevel, WARNING]
  Loud: !Not [!Condition Quiet]
  Both: !And [!Condition Quiet, !Condition Loud]
  Either: !Or [!Condition Quiet, !Condition Loud]
"""


@pytest.mark.parametrize(
    ("condition", "chosen"), [("Quiet", "other"), ("Loud", "Things"), ("Both", "other"), ("Either", "Things")]
)
def test_condition_is_evaluated_with_the_defaults_of_the_parameters(
    condition: str, chosen: str, tmp_path: Path
) -> None:
    choosing = SMALL.replace("!Ref Things", f"!If [{condition}, !Ref Things, other]") + CONDITIONS

    assert load(tmp_path, choosing).functions["Answering"].environment["TABLE"] == chosen


@pytest.mark.parametrize(
    ("text", "instead", "error"),
    [
        ("!Ref Things", "!If [Odd, a, b]", "Globals.TABLE: the local run does not support the condition .*Odd"),
        ("!Ref Things", "!If [Odd, a]", "Globals.TABLE: Fn::If takes a condition and two values"),
        ("AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "Things: the local run does not support AWS::Kinesis::Stream"),
        ("BillingMode:", "StreamSpecification:", "Things: the local run does not support StreamSpecification"),
        ("{Type: HttpApi}", "{Type: Api}", "Answering.Events.Rest: the local run does not support events of type Api"),
        ("Method: get", "Method: get, Auth: {}", "Answering.Events.Get: the local run does not support Auth"),
        ("Method: get", "Method: get, PayloadFormatVersion: '1.0'", "Answering.Events.Get: .*payload format 2.0 only"),
        ("!Ref Things", "!GetAtt Things.Arn", "Globals.TABLE: the local run does not support Fn::GetAtt of Things.Arn"),
        ("!Ref Things", "!Ref Nothing", "Globals.TABLE refers to Nothing"),
        ("!Ref Things", "[a, b]", "Globals.TABLE is not text"),
        ("Default: INFO", "Description: none", "Globals.LEVEL: the default of parameter LogLevel is not text"),
        ("AWS::Serverless::Function", "AWS::Serverless::Function\n    Condition: Odd", "Answering: .*conditions"),
        ("CodeUri: functions/answering", "Description: none", "Answering.CodeUri is not text"),
    ],
)
def test_unsupported_content_is_an_error_that_names_the_place(
    text: str, instead: str, error: str, tmp_path: Path
) -> None:
    assert text in SMALL
    with pytest.raises(TemplateError, match=error):
        load(tmp_path, SMALL.replace(text, instead))


def test_api_with_its_own_routes_is_refused(tmp_path: Path) -> None:
    api = "  Edge:\n    Type: AWS::Serverless::HttpApi\n    Properties: {DefinitionUri: api.yaml}\n"

    with pytest.raises(TemplateError, match="Edge: routes belong to the functions, not to DefinitionUri"):
        load(tmp_path, SMALL + api)


def test_queue_is_named_by_its_logical_id_and_has_its_dead_letter_queue(tmp_path: Path) -> None:
    assert load(tmp_path, QUEUED).queues == (
        Queue("Work", {"VisibilityTimeout": "180"}, dead_letters="Dead", receives=5),
        Queue("Dead", {"MessageRetentionPeriod": "1209600"}),
    )


def test_queue_of_a_function_is_its_event_source(tmp_path: Path) -> None:
    whole = QUEUED.replace("            FunctionResponseTypes: [ReportBatchItemFailures]\n", "")

    assert load(tmp_path, QUEUED).sources == (EventSource("Working", "Work", 5, reports_failures=True),)
    assert load(tmp_path, whole).sources == (EventSource("Working", "Work", 5, reports_failures=False),)


def test_function_has_the_settings_of_failed_invocations(tmp_path: Path) -> None:
    functions = load(tmp_path, QUEUED).functions

    assert functions["Working"].asynchronous == Asynchronous(retries=1, on_failure="Dead")
    assert functions["Taking"].asynchronous == Asynchronous(retries=2, on_failure=None)


def test_variables_that_name_a_queue_are_known_for_its_url(tmp_path: Path) -> None:
    template = load(tmp_path, QUEUED)

    assert template.queue_variables() == {"QUEUE_URL": "Work"}
    assert template.functions["Taking"].environment["WORKER"] == "Working"


def test_function_is_named_with_its_alias_and_can_be_invoked_with_or_without_it(tmp_path: Path) -> None:
    aliased = QUEUED.replace("!Ref Working", "!Ref Working.Alias") + "Globals: {Function: {AutoPublishAlias: live}}\n"
    functions = load(tmp_path, aliased).functions

    arn = "arn:aws:lambda:us-east-1:123456789012:function:Working"
    assert functions["Taking"].environment["WORKER"] == f"{arn}:live"
    assert set(functions["Working"].called()) == {
        "Working", "Working:live", "Working:$LATEST", arn, f"{arn}:live", f"{arn}:$LATEST",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "instead", "error"),
    [
        ("!Ref Working", "!Ref Working.Alias", "Taking.WORKER refers to Working.Alias, which does not exist"),
        ("SqsManagedSseEnabled: true", "FifoQueue: true", "Work: the local run does not support FifoQueue"),
        ("!GetAtt Dead.Arn", "arn:aws:sqs:eu-west-1:1:Dead", "Work.RedrivePolicy: .*own queues only"),
        ("maxReceiveCount", "maxReceives", "Work.RedrivePolicy: the local run does not support maxReceives"),
        ("Default: 5", "Default: many", "Work.RedrivePolicy.maxReceiveCount is not a whole number"),
        ("!GetAtt Work.Arn", "!GetAtt Work.QueueName", "Working.Events.Queue: .*Fn::GetAtt of Work.QueueName"),
        ("BatchSize: 5", "BatchSize: 11", "Working.Events.Queue: the local run supports batches of 1 to 10"),
        ("BatchSize: 5", "FilterCriteria: {}", "Working.Events.Queue: the local run does not support FilterCriteria"),
        ("[ReportBatchItemFailures]", "[Others]", "Working.Events.Queue: .*ReportBatchItemFailures only"),
        ("OnFailure:", "OnSuccess:", "Working.EventInvokeConfig: the local run does not support OnSuccess"),
    ],
)
def test_unsupported_content_of_queues_is_an_error_that_names_the_place(
    text: str, instead: str, error: str, tmp_path: Path
) -> None:
    assert text in QUEUED
    with pytest.raises(TemplateError, match=error):
        load(tmp_path, QUEUED.replace(text, instead))


def test_environment_is_filled_by_name_and_an_undeclared_name_is_refused(tmp_path: Path) -> None:
    template = load(tmp_path, SMALL)

    assert environment.variables(template, {"OWN": "another"})["OWN"] == "another"
    with pytest.raises(TemplateError, match="no function declares MISSING"):
        environment.variables(template, {"MISSING": "1"})


def test_functions_with_different_values_of_one_variable_cannot_share_a_process(tmp_path: Path) -> None:
    second = SMALL.partition("  Answering:")[2].partition("  Logs:")[0].replace("OWN: mine", "OWN: yours")
    template = load(tmp_path, SMALL + "  Second:" + second)

    with pytest.raises(TemplateError, match="OWN differs between functions"):
        environment.variables(template, {})
    assert environment.variables(template, {"OWN": "the same"})["OWN"] == "the same"


def test_projects_own_template_is_supported() -> None:
    template = Template.load(ROOT / "template.yaml")

    assert "GET /v1/chats" in {route.key for route in template.routes}
    assert {table["TableName"] for table in template.tables} == {"PortalTable", "CacheTable"}
    assert {source.queue for source in template.sources} <= {queue.name for queue in template.queues}
    assert {"CA_PEM", "LOCAL_HOSTS", "AWS_ENDPOINT_URL"} <= template.declared()
