"""Twelve sets of parameters, and the stack that each deploys. As a program it writes the stacks, for cfn-lint:

python -m tests.template.deployment_sets FOLDER
"""

import copy
import json
import logging
import sys
from pathlib import Path

from local.template.deployment import Deployment
from tests.template.file import TEMPLATE, Mapping
from tests.template.forms import Template, translated
from tests.template.reading import references

PEM = "-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----"
KEY = {"KeyArn": "arn:aws:kms:eu-central-1:123456789012:key/12345678-1234-1234-1234-123456789012"}
BOUNDARY = {"PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary", "DeletionProtection": "true"}
NETWORK = {"SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1", "SecurityGroupIds": "sg-0123456789abcdef0"}
DOMAIN = {
    "DomainName": "chats.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
}
ZONE = {"HostedZoneId": "Z0123456789ABCDEFGHIJ"}
PORTALS = {
    "PublicUrl": "https://front.example.com",
    "InstallMembers": "f0e1d2c3b4a59687,a1b2",
    "PrivatePortals": "b24.company.example:8443",
    "AuthorisationServers": "oauth.company.example",
    "PortalCa": PEM,
    "PortalAdminKeys": "off",
}
EVENTS = {"EventBus": "bots", "PublishText": "true", "EventsTeach": "off", "LocalHosts": "127.0.0.1:8443"}
RATES = {"RequestsPerSecond": 1, "RequestBurst": 1, "EventsPerSecond": 5000, "Monitoring": "basic"}
SHARES = {"EventsConcurrency": 100, "LookupConcurrency": 50, "RestConcurrency": 50, "WorkerConcurrency": 10}
FUNCTIONS = {"Architecture": "x86_64", "SnapStart": "true", "LogLevel": "DEBUG", "LogRetentionDays": 731,
             "Monitoring": "none"}  # fmt: skip
CANARY = {
    "Deployment": "Canary10Percent5Minutes",
    "AlarmTopic": "arn:aws:sns:eu-central-1:123456789012:operators",
}
EVERYTHING: Mapping = (
    KEY
    | BOUNDARY
    | NETWORK
    | DOMAIN
    | ZONE
    | PORTALS
    | EVENTS
    | RATES
    | SHARES
    | FUNCTIONS
    | CANARY
    | {"Monitoring": "full"}
)
SETS: dict[str, Mapping] = {
    "defaults": {},
    "key": KEY,
    "boundary": BOUNDARY,
    "network": NETWORK,
    "domain": DOMAIN,
    "domain and zone": DOMAIN | ZONE,
    "portals": PORTALS,
    "events": EVENTS | RATES,
    "shares": SHARES,
    "functions": FUNCTIONS,
    "canary": CANARY,
    "everything": EVERYTHING,
}


def deployed(chosen: Mapping) -> Template:
    """The template as CloudFormation deploys it with these parameters and the defaults of all others."""
    values = {name: chosen.get(name, each.get("Default")) for name, each in TEMPLATE["Parameters"].items()}
    template = copy.deepcopy(TEMPLATE)
    for name, value in values.items():  # SAM decides by some of them
        template["Parameters"][name]["Default"] = value
    return Deployment.of(values, TEMPLATE["Conditions"]).settled(translated(template))


def alone(stack: Template) -> Template:
    """A stack without parameters and conditions that are decided in it: a linter would call them unused."""
    parts = {
        part: {name: {key: each[key] for key in each.keys() - {"Condition"}} for name, each in stack[part].items()}
        for part in ("Resources", "Outputs")
    }
    named = references(list(parts.values()))
    parameters = {name: each for name, each in stack["Parameters"].items() if name in named}
    return {"AWSTemplateFormatVersion": stack["AWSTemplateFormatVersion"], "Parameters": parameters, **parts}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in SETS.items():
        (folder / f"{name.replace(' ', '-')}.json").write_text(json.dumps(alone(deployed(chosen)), indent=2))


if __name__ == "__main__":
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    main(Path(sys.argv[1]))
