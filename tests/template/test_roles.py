"""Roles, the key, and the shift to new versions in template.yaml and samconfig.toml."""

import tomllib

import pytest

from chat_lookup.events.queue import MOST_HOPS
from tests.support.repository import ROOT
from tests.template.file import (
    BY_AWS,
    FUNCTIONS,
    RESOURCES,
    TEMPLATE,
    Mapping,
    actions_of,
    asked_by_code,
    of_type,
    role_of,
    statements_in,
    statements_of,
    store_of,
)
from tests.template.forms import translated
from tests.template.reading import listed, texts

KEY = {"Fn::If": ["HasKey", {"Ref": "KeyArn"}, {"Ref": "AWS::NoValue"}]}
SHIFTED = {
    name: function["DeploymentPreference"]
    for name, function in FUNCTIONS.items()
    if function["DeploymentPreference"] != {"Enabled": False}
}


def by_aws(function: str) -> dict[str, Mapping]:
    """What AWS does on a function's behalf: its statements by Sid."""
    return {each["Sid"]: each for each in statements_of(function) if not asked_by_code(each)}


# -- roles -------------------------------------------------------------------------------------------------------------


def test_every_function_has_its_own_role_that_only_lambda_may_assume() -> None:
    roles = [str(function["Role"]["Fn::GetAtt"]) for function in FUNCTIONS.values()]
    assert len(set(roles)) == len(FUNCTIONS)
    for function in FUNCTIONS:
        (statement,) = role_of(function)["AssumeRolePolicyDocument"]["Statement"]
        assert (statement["Principal"], statement["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")


def test_every_role_is_assumed_by_one_service_and_on_behalf_of_this_account_only() -> None:
    """`aws:SourceArn` would be a circle: a function and a deployment group wait for their roles."""
    for role in of_type("AWS::IAM::Role").values():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] in [{"Service": f"{name}.amazonaws.com"} for name in ("lambda", "codedeploy")]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_every_role_has_the_boundary_that_the_account_requires() -> None:
    bounded = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}
    assert {str(role.get("PermissionsBoundary")) for role in of_type("AWS::IAM::Role").values()} == {str(bounded)}
    with_sams_own = translated(TEMPLATE)["Resources"].values()
    assert sum(each["Type"] == "AWS::IAM::Role" for each in with_sams_own) == len(of_type("AWS::IAM::Role"))


def test_network_interfaces_are_made_by_lambda_where_the_stack_has_a_network_and_never_by_code() -> None:
    (shared,) = (each for each in RESOURCES["FunctionPolicy"]["Properties"]["PolicyDocument"]["Statement"]
                 if each.get("Fn::If", [""])[0] == "HasNetwork")  # fmt: skip
    statement = shared["Fn::If"][1]
    assert {action.partition(":")[0] for action in statement["Action"]} == {"ec2"}
    # A request of the function's code has the key (Lambda, "source function ARN"); one that Lambda makes has not.
    assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}
    network = TEMPLATE["Globals"]["Function"]["VpcConfig"]
    lists = {name: {"Ref": name} for name in ("SubnetIds", "SecurityGroupIds")}
    assert network == {"Fn::If": ["HasNetwork", lists, {"Ref": "AWS::NoValue"}]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_may_write_its_own_log_and_its_traces(function: str) -> None:
    allowed = by_aws(function)
    assert store_of(allowed["Logs"]) == FUNCTIONS[function]["LoggingConfig"]["LogGroup"]["Ref"]
    # No CreateLogGroup: the template creates the groups, with a retention.
    assert actions_of(allowed["Logs"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert actions_of(allowed["Traces"]) == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_lambda_may_receive_messages_and_store_failures_for_the_worker_only() -> None:
    allowed = by_aws("WorkerFunction")
    assert allowed.keys() == BY_AWS
    (source,) = FUNCTIONS["WorkerFunction"]["Events"].values()
    assert source["Properties"]["Queue"] == allowed["Taking"]["Resource"]
    assert actions_of(allowed["Taking"]) == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    failed = FUNCTIONS["WorkerFunction"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert failed["Destination"] == allowed["Failures"]["Resource"]
    assert actions_of(allowed["Failures"]) == {"sqs:SendMessage"}
    of_all = {"Logs", "Traces", "Network", "Key"}
    assert by_aws("EventsFunction").keys() == of_all
    others = FUNCTIONS.keys() - {"WorkerFunction", "EventsFunction"}
    assert all(by_aws(function).keys() == of_all | {"SecretsKey"} for function in others)


def test_worker_alone_may_invoke_itself_in_a_loop_through_its_own_queue() -> None:
    """Lambda stops a function that sends to its own queue after 16 hops of one message; an event may need 60 (an outage
    of twelve hours). Only the worker has bounds of its own, so any other loop is a mistake that Lambda has to stop.
    """
    assert {name: function["RecursiveLoop"] for name, function in FUNCTIONS.items() if "RecursiveLoop" in function} == {
        "WorkerFunction": "Allow"
    }
    assert MOST_HOPS > 16
    sending = [each for each in statements_of("WorkerFunction") if "sqs:SendMessage" in actions_of(each)]
    assert {store_of(each) for each in sending} == {"EventQueue", "DeadLetterQueue"}
    (source,) = FUNCTIONS["WorkerFunction"]["Events"].values()
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": "EventQueue.Arn"}


# -- the key -----------------------------------------------------------------------------------------------------------


def test_optional_key_encrypts_all_stored_data() -> None:
    assert TEMPLATE["Parameters"]["KeyArn"]["Default"] == ""
    assert all(group["KmsKeyId"] == KEY for group in of_type("AWS::Logs::LogGroup").values())
    for queue in of_type("AWS::SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == KEY
        assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, True]}
    tables = of_type("AWS::DynamoDB::Table")
    assert tables["PortalTable"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    under_the_key = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KeyArn"}}
    assert tables["CacheTable"]["SSESpecification"] == {"Fn::If": ["HasKey", under_the_key, {"Ref": "AWS::NoValue"}]}
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["KEY_ARN"] == {"Ref": "KeyArn"}


def test_functions_may_use_that_key_only_and_only_through_the_stores() -> None:
    through = {}
    for policy in ("FunctionPolicy", "TokenPolicy"):
        *_, last = RESOURCES[policy]["Properties"]["PolicyDocument"]["Statement"]
        condition, statement, otherwise = last["Fn::If"]
        assert (condition, otherwise) == ("HasKey", {"Ref": "AWS::NoValue"})
        assert statement["Resource"] == {"Ref": "KeyArn"}
        assert actions_of(statement) == {"kms:Decrypt", "kms:GenerateDataKey"}
        services = listed(statement["Condition"]["StringEquals"]["kms:ViaService"])
        through[policy] = {each["Fn::Sub"].partition(".")[0] for each in services}
    # The events function has no secret.
    assert through == {"FunctionPolicy": {"dynamodb", "sqs"}, "TokenPolicy": {"secretsmanager"}}


# -- versions ----------------------------------------------------------------------------------------------------------


def test_references_to_functions_name_the_alias() -> None:
    assert TEMPLATE["Globals"]["Function"]["AutoPublishAlias"] == "live"
    worker = {"Fn::Sub": "${WorkerFunction.Arn}:live"}
    assert FUNCTIONS["EventsFunction"]["Environment"]["Variables"]["WORKER_FUNCTION"] == worker
    named = {name: each["Value"] for name, each in TEMPLATE["Outputs"].items() if "Function" in name}
    assert named["DirectFunctionArn"] == {"Ref": "DirectFunction.Alias"}
    for name in named.keys() - {"DirectFunctionArn"}:
        assert named[name] == {"Fn::Sub": f"${{{name.removesuffix('Name')}}}:live"}


def test_traffic_of_invoked_functions_shifts_slowly_and_back_on_the_errors_alarm() -> None:
    assert SHIFTED.keys() == {
        "LookupFunction", "RestFunction", "InstallFunction", "PageFunction", "EventsFunction",
        "WorkerFunction",
    }  # fmt: skip
    for name, preference in SHIFTED.items():
        alarm = f"{name.removesuffix('Function')}ErrorsAlarm"
        assert preference == {"Alarms": {"Fn::If": ["ShiftsSlowly", [{"Ref": alarm}], [{"Ref": "AWS::NoValue"}]]}}
        dimensions = {each["Name"]: each["Value"] for each in of_type("AWS::CloudWatch::Alarm")[alarm]["Dimensions"]}
        assert dimensions == {"FunctionName": {"Ref": name}, "Resource": {"Fn::Sub": f"${{{name}}}:live"}}


def test_codedeploy_may_only_update_the_aliases_of_those_functions_and_read_their_alarms() -> None:
    assert TEMPLATE["Globals"]["Function"]["DeploymentPreference"] == {
        "Type": {"Ref": "Deployment"},
        "Role": {"Fn::GetAtt": "DeploymentRole.Arn"},
    }
    (policy,) = of_type("AWS::IAM::Role")["DeploymentRole"]["Policies"]
    allowed = [
        (next(texts(each["Resource"])), action)
        for each in statements_in(policy["PolicyDocument"])
        for action in actions_of(each)
    ]
    alarms = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
    expected = [
        *((f"{name}.Arn", f"lambda:{action}") for name in SHIFTED for action in ("GetAlias", "UpdateAlias")),
        *((f"${{{name}.Arn}}:live", "lambda:GetProvisionedConcurrencyConfig") for name in SHIFTED),
        (alarms, "cloudwatch:DescribeAlarms"),
    ]
    assert sorted(allowed) == sorted(expected)


def test_development_shifts_at_once_and_staging_and_production_a_tenth_first() -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    chosen = {}
    for name in ("default", "dev", "staging", "prod"):
        overrides = dict(each.split("=") for each in settings[name]["deploy"]["parameters"]["parameter_overrides"])
        chosen[name] = overrides.get("Deployment", TEMPLATE["Parameters"]["Deployment"]["Default"])
    assert set(chosen.values()) <= set(TEMPLATE["Parameters"]["Deployment"]["AllowedValues"])
    slowly = "Canary10Percent5Minutes"
    assert chosen == {"default": "AllAtOnce", "dev": "AllAtOnce", "staging": slowly, "prod": slowly}
