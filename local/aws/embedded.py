"""AWS on this machine: moto's DynamoDB, Secrets Manager, SQS and EventBridge behind one address, with the template's
tables and queues in them."""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from local.aws.clients import new_client
from local.aws.event_bus import Entry
from local.aws.services import Services
from local.net.admission import Admission, Run
from local.net.http_server import HttpServer
from local.template.queues import Queue
from local.template.reader import ACCOUNT, REGION, Template

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

CREDENTIALS: Mapping[str, str] = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
# What a process of the local run has instead of all AWS_* variables of its user: in no case does a call reach a real
# account. An empty configuration also has no profile that ignores the endpoint.
ENVIRONMENT: Mapping[str, str] = {
    **CREDENTIALS,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",  # botocore would ask a proxy for this machine's own address
    "no_proxy": "*",
    "MOTO_SQS_ENFORCE_STRICT_QUEUE_PURGE_BEHAVIOUR": "false",  # once a minute, as in the cloud, is not often enough
}


class EmbeddedAws:
    """The stores of a local run, with the template's tables and queues in them; they are gone with the process.

    moto keeps its stores per process and region. `dynamodb` replaces moto's tables by another engine behind the
    same address, for example DynamoDB Local by its URL. The port is bound at once (OSError if it is taken).
    """

    def __init__(
        self,
        template: Template,
        bind: str = "127.0.0.1",
        port: int = 0,
        *,
        region: str = REGION,
        dynamodb: "str | WSGIApplication | None" = None,
        run: Run | None = None,
    ) -> None:
        self._template = template
        self._region = region
        self._clients: dict[str, object] = {}
        self._tables: list[str] = []
        self._queues: list[str] = []
        self._secrets: list[str] = []
        self._services = Services(dynamodb)
        admission = Admission.of(run or Run.named(bind))
        self._server = HttpServer(self._services, bind, port, admission=admission)

    @property
    def endpoint_url(self) -> str:
        return self._server.url()

    def url(self, host: str) -> str:
        """The same address with another host, by which containers reach this machine."""
        return self._server.url(host)

    def queue_url(self, name: str) -> str:
        """The `QueueUrl` of one of the template's queues."""
        return queue_url(self.endpoint_url, name)

    def start(self) -> None:
        """Starts the server, and creates the tables, queues and secrets."""
        self._server.start()
        dynamodb, sqs = self.dynamodb(), self.sqs()
        for table in self._template.tables:
            dynamodb.create_table(**table)  # type: ignore[arg-type]  # checked by the engine, as CloudFormation's are
            self._tables.append(str(table["TableName"]))
        for queue in sorted(self._template.queues, key=lambda each: each.dead_letters is not None):
            sqs.create_queue(QueueName=queue.name, Attributes=self._attributes(queue))  # type: ignore[arg-type]
            self._queues.append(queue.name)
        for name in self._template.secrets:
            content = json.dumps({"key": secrets.token_hex(32)})
            # The engine is the process's: another stack in it has made the secret of this name, and deletes it.
            with suppress(self.secrets().exceptions.ResourceExistsException):
                self.secrets().create_secret(Name=name, SecretString=content)
                self._secrets.append(name)

    def stop(self) -> None:
        """Deletes what `start` created and stops the server: the next one in this process or engine starts empty."""
        self.end_waiting()
        dynamodb, sqs = self.dynamodb(), self.sqs()
        while self._tables:
            dynamodb.delete_table(TableName=self._tables.pop())
        while self._secrets:
            self.secrets().delete_secret(SecretId=self._secrets.pop(), ForceDeleteWithoutRecovery=True)
        while self._queues:
            sqs.delete_queue(QueueUrl=self.queue_url(self._queues.pop()))
        self._server.stop()

    def serve_functions(self, invocations: "WSGIApplication") -> None:
        """Serves Lambda, too: `invocations` invokes functions by name."""
        self._services.invocations = invocations

    def end_waiting(self) -> None:
        """Ends all waits for messages and events without a result, so that all threads can stop."""
        self._services.queues.end_waiting()
        self._services.bus.end_waiting()

    def published(self) -> tuple[Entry, ...]:
        """The latest entries that the event bus accepted, the newest last; also at `/_published`, as JSON."""
        return self._services.bus.entries()

    def empty_queues(self) -> None:
        """Deletes every message and all published entries."""
        for queue in self._queues:
            self._services.queues.purge(self._region, queue)
        self._services.bus.clear()

    def left(self, queue: str) -> int:
        """The number of messages in a queue: visible, received, or delayed."""
        return self._services.queues.left(self._region, queue)

    @property
    def receivers(self) -> int:
        """How many receivers of all queues wait for a message; the others work."""
        return self._services.queues.receivers

    def dynamodb(self) -> "DynamoDBClient":
        return cast("DynamoDBClient", self._client("dynamodb"))

    def secrets(self) -> "SecretsManagerClient":
        return cast("SecretsManagerClient", self._client("secretsmanager"))

    def sqs(self) -> "SQSClient":
        return cast("SQSClient", self._client("sqs"))

    def _attributes(self, queue: Queue) -> dict[str, str]:
        if queue.dead_letters is None:
            return dict(queue.attributes)
        dead_letters = f"arn:aws:sqs:{self._region}:{ACCOUNT}:{queue.dead_letters}"
        policy = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": queue.receives}
        return {**queue.attributes, "RedrivePolicy": json.dumps(policy)}

    def _client(self, service: str) -> object:
        """A client of one service, created once: that is slow, and threads may share it."""
        if service not in self._clients:
            self._clients[service] = new_client(
                service,
                region_name=self._region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service]


def queue_url(endpoint_url: str, name: str) -> str:
    """A queue's URL where the stores are reached at `endpoint_url`; in the cloud SQS has an address of its own."""
    return f"{endpoint_url}/{ACCOUNT}/{name}"
