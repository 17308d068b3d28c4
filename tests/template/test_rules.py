"""template.yaml and the code agree: policies, routes, variables, parameters, tables."""

import ast
import json
import re
import tomllib
from typing import Any

import pytest

from chat_lookup import config
from chat_lookup.cache import rows
from chat_lookup.errors import ServiceMisconfigured
from local.aws.http_api import match
from local.template.reader import Template
from tests.support.repository import PACKAGE, ROOT
from tests.template.file import (
    FUNCTIONS,
    RESOURCES,
    TEMPLATE,
    Mapping,
    actions_of,
    asked_by_code,
    granted,
    of_type,
    statements_of,
    store_of,
)

# The modules that use each store: the policies grant exactly the actions that they call.
ASKED_BY = {
    "PortalTable": (
        "portals/store", "portals/api_keys", "portals/default_portal", "portals/updates", "portals/states",
        "credentials/applications", "credentials/token_pointer",
    ),
    "CacheTable": (
        "cache/chat_cache", "cache/bulk_cache", "cache/leases", "cache/learned_rows",
        "calls/rate_limiter", "calls/operating_time", "calls/circuit_breaker",
        "install/install_lock", "install/code_flow", "install/attempt_limiter",
        "bot/answer_claims", "bot/employees", "rest/profiles",
    ),
    "CacheTable/index/by_chat": ("cache/chat_cache",),
    "secrets": ("credentials/secret_store",),
    "EventQueue": ("events/queue", "admin/dead_letters", "bootstrap/recoveries", "doctor/queues"),
    "DeadLetterQueue": ("admin/dead_letters", "events/queue", "doctor/queues"),
    "EventBus": ("events/publisher",),
    "WorkerFunction": ("events/queue",),
}  # fmt: skip
OF_SERVICE = {
    "PortalTable": "dynamodb",
    "CacheTable": "dynamodb",
    "CacheTable/index/by_chat": "dynamodb",
    "secrets": "secretsmanager",
    "EventQueue": "sqs",
    "DeadLetterQueue": "sqs",
    "EventBus": "events",
    "WorkerFunction": "lambda",
}
# By the names that the modules give to their clients.
CLIENTS = {"_secrets": "secretsmanager", "_sqs": "sqs", "_events": "events", "_lambda": "lambda"}
# Actions with another name than their method.
ACTIONS = {"Invoke": "InvokeFunction", "SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}
# The action that each write of a transaction needs (chat_lookup/dynamodb.py).
OF_TRANSACTIONS = {"Put": "PutItem", "Delete": "DeleteItem"}
# Lambda itself sets these.
OF_LAMBDA = frozenset({"AWS_LAMBDA_INITIALIZATION_TYPE", "LAMBDA_TASK_ROOT"})

SETTINGS: Mapping = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
ALL_STATEMENTS = [statement for function in FUNCTIONS for statement in filter(asked_by_code, statements_of(function))]


def parsed(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))


def called(tree: ast.AST, clients: Mapping) -> set[str]:
    """The AWS actions that the calls of these clients need."""
    found = set()
    for node in ast.walk(tree):
        match node:
            # A client, or a function that creates one on demand.
            case (
                ast.Call(func=ast.Attribute(attr=method, value=ast.Attribute(attr=client)))
                | ast.Call(func=ast.Attribute(attr=method, value=ast.Call(func=ast.Attribute(attr=client))))
            ) if client in clients:
                if method == "get_paginator":
                    method = str(ast.literal_eval(node.args[0]))
                action = "".join(word.title() for word in method.split("_"))
                found.add(f"{clients[client]}:{ACTIONS.get(action, action)}")
    return found - {"dynamodb:TransactWriteItems"}


def of_table() -> dict[str, set[str]]:
    """What each method of `Table`, through which all stores go, asks of DynamoDB."""
    (table,) = (node for node in parsed("dynamodb").body if isinstance(node, ast.ClassDef) and node.name == "Table")
    methods = [node for node in table.body if isinstance(node, ast.FunctionDef)]
    return {method.name: called(method, {"_client": "dynamodb"}) for method in methods}


OF_TABLE = of_table()


def asked(module: str) -> set[str]:
    """The AWS actions that a module's calls of its clients and of its table need, from its source."""
    tree = parsed(module)
    found = called(tree, CLIENTS)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=method, value=ast.Attribute(attr="_table"))):
                found |= OF_TABLE[method]
            case ast.Call(func=ast.Name(id=kind)) if kind in OF_TRANSACTIONS:
                found.add(f"dynamodb:{OF_TRANSACTIONS[kind]}")
    return found


def _asked_of(statement: Mapping) -> str:
    """The store of a statement as in ASKED_BY: one module uses all kinds of secrets."""
    store = store_of(statement)
    return "secrets" if store.startswith("secrets/") or store == "PageKey" else store


@pytest.mark.parametrize("statement", ALL_STATEMENTS, ids=lambda each: each["Sid"])
def test_statement_allows_named_actions_on_one_named_resource(statement: Mapping) -> None:
    assert statement["Effect"] == "Allow"
    assert _asked_of(statement) in ASKED_BY
    assert all(
        re.fullmatch(rf"{OF_SERVICE[_asked_of(statement)]}:[A-Za-z]+", action) for action in actions_of(statement)
    )


@pytest.mark.parametrize("store", ASKED_BY)
def test_policies_grant_exactly_the_actions_of_the_code(store: str) -> None:
    granted = {
        action for statement in ALL_STATEMENTS if _asked_of(statement) == store for action in actions_of(statement)
    }
    of_service = f"{OF_SERVICE[store]}:"
    needed = {each for module in ASKED_BY[store] for each in asked(module) if each.startswith(of_service)}
    if store == "EventQueue":  # from the dead letters messages are received, too
        needed &= {"sqs:SendMessage", "sqs:GetQueueAttributes"}
    if store.startswith("CacheTable"):  # the cache queries its index and nothing but its index
        of_index = {"dynamodb:Query"}
        needed = needed & of_index if "/index/" in store else needed - of_index
    assert granted == needed


def test_every_module_that_uses_a_store_is_listed() -> None:
    asking = {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(
            r"import (DynamoDB|SecretsManager|SQS|EventBridge|Lambda)Client"
            r"|from chat_lookup\.dynamodb import (\([^)]*|.*)\bTable\b",
            path.read_text("utf-8"),
        )
    }
    # These create the clients and the tables and pass them on.
    assert asking - {"bootstrap/aws_clients", "bootstrap/core", "bootstrap/process", "dynamodb"} == {
        module for modules in ASKED_BY.values() for module in modules
    }


def test_every_store_calls_its_table_by_the_name_that_this_rule_finds() -> None:
    assert all(OF_TABLE[name] for name in OF_TABLE.keys() - {"__init__", "transact", "try_transact"})
    stores = {module for store, of in OF_SERVICE.items() if of == "dynamodb" for module in ASKED_BY[store]}
    assert [module for module in sorted(stores) if not asked(module)] == []


def test_lookup_functions_may_neither_create_nor_delete_keys_and_secrets() -> None:
    for function in ("LookupFunction", "DirectFunction", "RestFunction"):
        allowed = {each["Sid"]: actions_of(each) for each in statements_of(function)}
        assert allowed["Records"] == {"dynamodb:GetItem"}
        assert allowed["Facts"] == {"dynamodb:UpdateItem"}
        assert allowed["PortalSecrets"] == {"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"}
        assert allowed["ApplicationSecrets"] == {"secretsmanager:GetSecretValue"}


def test_log_level_at_which_lambda_drops_metrics_cannot_be_chosen() -> None:
    assert TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"] == ["DEBUG", "INFO"]
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"] == {"Ref": "LogLevel"}


def test_access_log_is_json_with_the_route_and_without_path_query_or_header() -> None:
    (api,) = of_type("AWS::Serverless::HttpApi").values()
    format_: str = api["AccessLogSettings"]["Format"]["Fn::Sub"]
    # A number, since filters compare numbers: every request has one.
    line: dict[str, str] = json.loads(format_.replace(":$context.status,", ':"a number",'))
    assert line.pop("status") == "a number"
    assert line.pop("service") == "${AWS::StackName}"
    logged = set(line.values())
    assert "$context.routeKey" in logged
    assert all(value.startswith("$context.") for value in logged)
    assert not logged & {"$context.path", "$context.http.path", "$context.identity.userAgent"}


def test_admin_commands_have_no_route_and_unknown_routes_are_answered() -> None:
    template = Template.load(ROOT / "template.yaml")
    assert {route.function for route in template.routes} == {
        "LookupFunction", "RestFunction", "InstallFunction", "PageFunction", "EventsFunction",
    }  # fmt: skip
    assert {route.key: route.function for route in template.routes}["$default"] == "LookupFunction"


def test_path_with_a_key_is_routed_by_its_prefix_so_the_access_log_has_no_key() -> None:
    routed = {route.key for route in Template.load(ROOT / "template.yaml").routes if route.path.startswith("/rest")}
    assert routed == {"GET /rest/{proxy+}", "POST /rest/{proxy+}", "OPTIONS /rest/{proxy+}"}


@pytest.mark.parametrize("path", ["/bitrix24/install", "/bitrix24/app", "/bitrix24/events"])
@pytest.mark.parametrize("verb", ["GET", "HEAD", "POST"])
def test_address_of_ours_is_routed_for_vendor_browsers_and_portals_with_a_slash_at_its_end_too(
    verb: str, path: str
) -> None:
    routes = Template.load(ROOT / "template.yaml").routes
    found = {slash: match(routes, verb, path + slash) for slash in ("", "/")}
    keys = {slash: each and each[0].key for slash, each in found.items()}
    assert keys == {"": f"{verb} {path}", "/": f"{verb} /bitrix24/{{address+}}"}


def test_no_route_ends_with_a_slash() -> None:
    # HTTP APIs have none: their routes are left out when they are imported, and their settings then fail a deployment.
    assert [route.key for route in Template.load(ROOT / "template.yaml").routes if route.path.endswith("/")] == []


def test_rate_of_events_has_a_limit_of_its_own_and_as_much_at_one_moment() -> None:
    (api,) = of_type("AWS::Serverless::HttpApi").values()
    limits = {"ThrottlingRateLimit": {"Ref": "EventsPerSecond"}, "ThrottlingBurstLimit": {"Ref": "EventsPerSecond"}}
    assert api["RouteSettings"] == {
        route: {"DetailedMetricsEnabled": {"Fn::If": ["MonitorsEverything", True, False]}, **limits}
        for route in ("POST /bitrix24/events", "POST /bitrix24/{address+}")
    }
    assert api["DefaultRouteSettings"] == {
        "DetailedMetricsEnabled": {"Fn::If": ["MonitorsEverything", True, False]},
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "RequestBurst"},
    }
    assert all(TEMPLATE["Parameters"][name]["Default"] <= 200 for name in ("RequestsPerSecond", "RequestBurst"))
    # Within the account's default burst.
    parameter = TEMPLATE["Parameters"]["EventsPerSecond"]
    assert (parameter["Default"], parameter["MaxValue"]) == (500, 5000)


def test_alarm_on_the_rate_of_events_goes_off_before_any_is_refused() -> None:
    alarm = TEMPLATE["Resources"]["EventsRateAlarm"]["Properties"]
    expression = alarm["Metrics"][0]["Expression"]["Fn::Sub"]
    assert (expression, alarm["Threshold"]) == ("SUM(METRICS()) / 60 / ${EventsPerSecond} * 100", 80)
    assert {each["MetricStat"]["Period"] for each in alarm["Metrics"][1:]} == {60}


def test_concurrency_can_be_reserved_for_events_apart_from_look_ups() -> None:
    shares = {
        "EventsFunction": "EventsConcurrency",
        "LookupFunction": "LookupConcurrency",
        "RestFunction": "RestConcurrency",
    }
    for function, parameter in shares.items():
        condition, given, otherwise = FUNCTIONS[function]["ReservedConcurrentExecutions"]["Fn::If"]
        assert (given, otherwise) == ({"Ref": parameter}, {"Ref": "AWS::NoValue"})
        # 0 would stop the function.
        assert TEMPLATE["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, 0]}]}
        assert TEMPLATE["Parameters"][parameter]["Default"] == 0
    assert all("ReservedConcurrentExecutions" not in FUNCTIONS[name] for name in FUNCTIONS.keys() - shares.keys())


def test_events_function_may_only_read_portals_and_pass_events_on() -> None:
    assert granted("EventsFunction") == {
        ("PortalTable", "dynamodb:GetItem"),
        ("EventQueue", "sqs:SendMessage"),
        ("WorkerFunction", "lambda:InvokeFunction"),
    }


def test_event_that_fails_ten_times_goes_to_the_dead_letter_queue() -> None:
    queues = of_type("AWS::SQS::Queue")
    (source,) = FUNCTIONS["WorkerFunction"]["Events"].values()
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert queues["EventQueue"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": "DeadLetterQueue.Arn"},
        "maxReceiveCount": 10,
    }
    # As Lambda's documentation advises, so that no message is delivered again during its processing.
    assert queues["EventQueue"]["VisibilityTimeout"] == 6 * FUNCTIONS["WorkerFunction"]["Timeout"]
    assert queues["DeadLetterQueue"]["MessageRetentionPeriod"] > queues["EventQueue"]["MessageRetentionPeriod"]
    invoked = FUNCTIONS["WorkerFunction"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
    assert invoked == {"Type": "SQS", "Destination": {"Fn::GetAtt": "DeadLetterQueue.Arn"}}


def test_keepalive_runs_once_an_hour_and_is_not_retried_after_a_failure() -> None:
    (event,) = FUNCTIONS["KeepaliveFunction"]["Events"].values()
    assert (event["Type"], event["Properties"]["Schedule"]) == ("Schedule", "rate(1 hour)")
    assert FUNCTIONS["KeepaliveFunction"]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


def test_declared_variables_are_exactly_those_that_the_code_reads() -> None:
    class Recorder(dict[str, str]):
        """An empty environment that records the names that are read."""

        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return default

    read: set[str] = set()
    with pytest.raises(ServiceMisconfigured):
        config.from_environ(Recorder())
    for path in PACKAGE.rglob("*.py"):
        read.update(re.findall(r"os\.environ\.get\(\s*\"([A-Z_]+)\"", path.read_text("utf-8")))
    declared = Template.load(ROOT / "template.yaml").declared()
    assert read - OF_LAMBDA == declared


def test_settings_of_local_runs_are_empty_in_a_deployed_stack() -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert TEMPLATE["Parameters"]["LocalHosts"]["Default"] == ""
    assert (variables["LOCAL_HOSTS"], variables["CA_PEM"], variables["AWS_ENDPOINT_URL"]) == (
        {"Ref": "LocalHosts"},
        "",
        "",
    )


def test_items_of_the_cache_expire_and_have_an_index_by_chat() -> None:
    table = of_type("AWS::DynamoDB::Table")["CacheTable"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == rows.BY_CHAT
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["entity_type", "entity_id"]}
    assert all(each["BillingMode"] == "PAY_PER_REQUEST" for each in of_type("AWS::DynamoDB::Table").values())


PEM = "-----BEGIN CERTIFICATE-----\nMIIB+/8=\n-----END CERTIFICATE-----\n"


def longest_value(value: object) -> int:
    """The length of a variable's longest value: a constant's own, or what its parameter admits; else a likely one."""
    if isinstance(value, str):
        return len(value)
    name = value.get("Ref") if isinstance(value, dict) else None
    parameter = TEMPLATE["Parameters"].get(name, {})
    allowed = [len(str(each)) for each in parameter.get("AllowedValues", [])]
    return max(allowed) if allowed else int(parameter.get("MaxLength", 100))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_longest_authority_or_list_of_members_leaves_room_for_the_other_variables(function: str) -> None:
    """Lambda admits 4 KB of names and values together. The others are as long here as they are likely to be."""
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    lengths = {
        name: longest_value(value)
        for name, value in (variables | FUNCTIONS[function].get("Environment", {}).get("Variables", {})).items()
    }
    # The description of InstallMembers bounds the two together.
    authority, members = lengths.pop("PORTAL_CA"), lengths.pop("INSTALL_MEMBERS", 0)
    together = max(authority, members)
    assert together + sum(lengths.values()) + sum(map(len, [*lengths, "PORTAL_CA", "INSTALL_MEMBERS"])) <= 4096


def test_authority_is_read_from_its_variable() -> None:
    settings = config.from_environ(
        {**dict.fromkeys(("PORTAL_TABLE", "CACHE_TABLE", "SECRET_PREFIX"), "chat-lookup"), "PORTAL_CA": PEM}
    )
    assert "BEGIN CERTIFICATE" in settings.ca_pem


@pytest.mark.parametrize(
    ("name", "admitted", "refused"),
    [
        (
            "PublicUrl",
            ["", "https://chats.example.com", "https://10.0.0.1:8443"],
            ["https://chats.example.com/", "http://a.b"],
        ),
        ("InstallMembers", ["", "f0e1d2c3b4a59687", "a1,b-2,c_3"], ["a1,", "a1 b2", "a" * 65]),
        (
            "PrivatePortals",
            ["", "bitrix.intern:443", "a.b:8443,10.0.0.5:443"],
            ["yes", "bitrix.intern", "https://a.b:443"],
        ),
        (
            "AuthorisationServers",
            ["", "oauth.intern", "a.b:8443,10.0.0.5"],
            ["https://oauth.intern", "a.b/rest", "a.b,"],
        ),
        (
            "PortalCa",
            ["", PEM, PEM.replace("\n", " "), PEM + PEM],
            ["MIIB", PEM.replace("CERTIFICATE", "PRIVATE KEY"), f"x{PEM}"],
        ),
    ],
)
def test_parameter_of_portals_admits_the_values_that_the_functions_admit(
    name: str, admitted: list[str], refused: list[str]
) -> None:
    parameter = TEMPLATE["Parameters"][name]
    pattern = re.compile(parameter["AllowedPattern"])
    assert parameter["Default"] == ""
    assert all(pattern.fullmatch(value) for value in admitted)
    assert not any(pattern.fullmatch(value) for value in refused)
    variables = dict.fromkeys(("PORTAL_TABLE", "CACHE_TABLE", "SECRET_PREFIX"), "chat-lookup")
    variable = re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
    for value in admitted:
        config.from_environ({**variables, variable: value})


@pytest.mark.parametrize("environment", ["default", "dev", "staging", "prod"])
def test_each_environment_deploys_with_existing_parameters_and_without_local_hosts(environment: str) -> None:
    settings = SETTINGS[environment]
    deploy = settings["deploy"]["parameters"]
    overridden = {override.split("=")[0] for override in deploy["parameter_overrides"]}
    assert overridden <= TEMPLATE["Parameters"].keys() - {"LocalHosts"}
    assert settings["build"]["parameters"]["build_in_source"] is True


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_each_environment_tags_what_it_creates(environment: str) -> None:
    tags = SETTINGS[environment]["deploy"]["parameters"]["tags"]
    assert tags.split() == ["project=chat-lookup", f"environment={environment}"]


def test_only_the_function_that_installs_has_the_list_of_portals_that_may() -> None:
    having = {name for name in FUNCTIONS if "INSTALL_MEMBERS" in str(FUNCTIONS[name].get("Environment"))}
    assert having == {"InstallFunction"}
    assert "INSTALL_MEMBERS" not in TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]


def test_new_account_of_ten_concurrent_invocations_keeps_eight_for_callers() -> None:
    assert TEMPLATE["Parameters"]["WorkerConcurrency"]["Default"] == 2


@pytest.mark.parametrize(("given", "needed"), [("HostedZoneId", "DomainName"), ("DomainName", "CertificateArn")])
def test_parameter_that_needs_another_is_refused_without_it(given: str, needed: str) -> None:
    empty = {name: {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in (given, needed)}
    assert {
        "RuleCondition": empty[given],
        "Assertions": [{"Assert": empty[needed], "AssertDescription": f"{given} needs {needed}"}],
    } in TEMPLATE["Rules"].values()


@pytest.mark.parametrize(("given", "needed"), [("SubnetIds", "SecurityGroupIds"), ("SecurityGroupIds", "SubnetIds")])
def test_network_is_refused_in_half(given: str, needed: str) -> None:
    some = {name: {"Fn::Not": [{"Fn::EachMemberEquals": [{"Ref": name}, ""]}]} for name in (given, needed)}
    assert {
        "RuleCondition": some[given],
        "Assertions": [{"Assert": some[needed], "AssertDescription": f"{given} need {needed}"}],
    } in TEMPLATE["Rules"].values()


def test_table_is_protected_if_that_is_chosen_and_goes_with_a_first_deployment_that_fails() -> None:
    assert RESOURCES["PortalTable"]["Properties"]["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "false"
    assert RESOURCES["PortalTable"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_each_environment_has_its_own_stack() -> None:
    stacks = {SETTINGS[name]["deploy"]["parameters"]["stack_name"] for name in ("dev", "staging", "prod")}
    assert len(stacks) == 3
