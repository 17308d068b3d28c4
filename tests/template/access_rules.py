"""House rules of access: what policies allow, and where a secret would be readable.

The docstring of each is the rule; it yields the places in a form of a template (`template_forms`) that break it.
"""

import re

from tests.template.forms import Template
from tests.template.reading import (
    FUNCTION,
    QUEUE,
    ROLE,
    WRITTEN_FUNCTION,
    Mapping,
    Places,
    listed,
    of_type,
    references,
    statements,
    texts,
)

# AWS has no narrower resource for these: a permission to send traces covers all traces; Lambda's network interfaces
# have no name before they are made; and CloudWatch refuses a narrower scope to a request for alarms that does not name
# each of them, while it is documented nowhere how CodeDeploy asks.
FOR_ALL_RESOURCES = frozenset(
    {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
        "cloudwatch:DescribeAlarms",
    }
)
# Requests for rows of a table, which a condition can compare; a scan has no leading key.
OF_ROWS = frozenset(f"dynamodb:{each}" for each in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"))
# Operators read, write and delete rows of every kind.
OF_OPERATORS = "AdminRole"
# Secrets are created by the code, below a name of our own.
BELOW_OUR_NAME = re.compile(r"[^*]*:secret:\$\{AWS::StackName}/(portal|application)/\*")
NAMED_AS_SECRET = re.compile(r"secret|password|token|api_?key|credential", re.IGNORECASE)
# A webhook's code, an API key, keys of AWS, a private key, a secret that CloudFormation would resolve, and any long
# word of letters and digits in which both alternate.
SHAPED_AS_SECRET = re.compile(
    r"/rest/\d+/\w{8,}|clk_\w{8,}|A(KI|SI)A[0-9A-Z]{16}|-----BEGIN|\{\{resolve:|\b(?=\w*\d[a-zA-Z]+\d)[a-zA-Z0-9]{30,}\b"
)


def resource_of_a_statement(template: Template) -> Places:
    """A statement names one ARN, with a wildcard only where AWS demands it or below a name of our own."""
    for name, statement in statements(template):
        for resource in listed(statement.get("Resource", [])):
            named = "".join(texts(resource))
            wide = re.search(r"[*?]", named) and not BELOW_OUR_NAME.fullmatch(named)
            if wide and not FOR_ALL_RESOURCES.issuperset(listed(statement.get("Action", "*"))):
                yield f"{name}: {named}"
        # A statement on who may assume a role belongs to that role and names no resource.
        one = "Principal" in statement if "Resource" not in statement else not isinstance(statement["Resource"], list)
        if not one:
            yield f"{name}: none or many"


def action_of_a_statement(template: Template) -> Places:
    """A statement allows named actions."""
    for name, statement in statements(template):
        allowed = statement["Effect"] == "Allow"
        if allowed and ("NotAction" in statement or any("*" in each for each in listed(statement["Action"]))):
            yield name


def rows_of_a_statement(template: Template) -> Places:
    """A statement on rows of a table names their keys, and none of them allows a scan."""
    for name, statement in statements(template):
        actions = set(listed(statement.get("Action", [])))
        keys = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
        # IAM compares the keys of a request without any, a scan, with nothing: the condition holds.
        scans = "dynamodb:Scan" in actions and keys is not None
        if name != OF_OPERATORS and ((actions & OF_ROWS and not keys) or scans):
            yield name


def public_access(template: Template) -> Places:
    """Every principal is named: no public principal, no service without its source, no function URL."""
    for name, statement in statements(template):
        anyone = {"*"} & {text for principal in listed(statement.get("Principal")) for text in texts(principal)}
        if statement["Effect"] == "Allow" and (anyone or "NotPrincipal" in statement):
            yield name
    for name, permission in of_type(template, "AWS::Lambda::Permission"):
        if permission["Principal"] == "*" or not permission.keys() & {"SourceArn", "SourceAccount"}:
            yield name
    yield from (name for name, _ in of_type(template, "AWS::Lambda::Url"))


def policy_of_aws(template: Template) -> Places:
    """No managed policy of AWS: each allows more than this service needs."""
    for name, role in of_type(template, ROLE):
        ours = (references(policy) & template["Resources"].keys() for policy in role.get("ManagedPolicyArns", []))
        if not all(ours):
            yield name


def tls_only(template: Template) -> Places:
    """A queue refuses requests without TLS."""
    known: set[str] = set()
    for _, policy in of_type(template, "AWS::SQS::QueuePolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if _refuses_requests_without_tls(statement):
                known |= references(policy["Queues"]) & references(statement["Resource"])
    yield from (name for name, _ in of_type(template, QUEUE) if name not in known)


def _refuses_requests_without_tls(statement: Mapping) -> bool:
    everything = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*"}
    return everything.items() <= statement.items() and statement.get("Condition") == {
        "Bool": {"aws:SecureTransport": "false"}
    }


def secret_by_name(template: Template) -> Places:
    """No parameter and no variable holds a secret."""
    yield from (name for name in template["Parameters"] if NAMED_AS_SECRET.search(name))
    for name, function in of_type(template, FUNCTION, WRITTEN_FUNCTION):
        variables = function.get("Environment", {}).get("Variables", {})
        for variable, value in variables.items():
            if NAMED_AS_SECRET.search(variable) and isinstance(value, str) and value:
                yield f"{name}: {variable}"


def secret_by_shape(template: Template) -> Places:
    """Nothing in the template looks like a secret."""
    # SAM appends a hash to the logical ids of the layer and of versions.
    words = (text for text in texts(template) if text not in template["Resources"])
    yield from (f"{text[:12]}..." for text in words if SHAPED_AS_SECRET.search(text))
