"""AWS on this machine: moto's DynamoDB, Secrets Manager, SQS and EventBridge behind one address, and nothing else."""

import os
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import urllib3
from botocore.session import Session

from local.http import HttpServer
from local.template import REGION, Template

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

# By the first part of the header X-Amz-Target. moto has many more, some of which run containers or serve files: the
# address may be open to a network (BIND=0.0.0.0), so nothing is served that the functions do not use.
SERVICES: Mapping[str, str] = {
    "DynamoDB_20120810": "dynamodb",
    "secretsmanager": "secretsmanager",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
}
CREDENTIALS: Mapping[str, str] = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
# What a process of the local run has instead of all AWS_* variables of its user: whatever goes wrong, no call falls
# through to a real account. An empty configuration also has no profile that ignores the endpoint.
ENVIRONMENT: Mapping[str, str] = {
    **CREDENTIALS,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",  # botocore would ask a proxy for this machine's own address
    "no_proxy": "*",
}
_PASSED_ON: Mapping[str, str] = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_AUTHORIZATION": "Authorization",
    "HTTP_X_AMZ_DATE": "X-Amz-Date",
    "HTTP_X_AMZ_TARGET": "X-Amz-Target",
}
_HOP_BY_HOP = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class EmbeddedAws:
    """The stores of a local run, with the template's tables in them; they are gone with the process.

    moto keeps its stores per process and region. `dynamodb_url` puts another engine in the place of moto's tables,
    DynamoDB Local say, behind the same address. The port is bound at once (OSError if it is taken).
    """

    def __init__(
        self,
        template: Template,
        bind: str = "127.0.0.1",
        port: int = 0,
        *,
        region: str = REGION,
        dynamodb_url: str | None = None,
    ) -> None:
        self._template = template
        self._region = region
        self._made: list[str] = []
        self._server = HttpServer(_Services(dynamodb_url), bind, port)

    @property
    def endpoint_url(self) -> str:
        return self._server.url()

    def url(self, host: str) -> str:
        """The same address as others reach it: by the name that this machine has for them."""
        return self._server.url(host)

    def start(self) -> None:
        """Serve, and make the tables."""
        self._server.start()
        client = self.dynamodb()
        for table in self._template.tables:
            client.create_table(**table)  # type: ignore[arg-type]  # checked by the engine, as CloudFormation's are
            self._made.append(str(table["TableName"]))

    def stop(self) -> None:
        """Drop the tables and the address: the next one to start in this process, or on this engine, begins afresh."""
        client = self.dynamodb()
        for name in self._made:
            client.delete_table(TableName=name)
        self._made.clear()
        self._server.stop()

    def dynamodb(self) -> "DynamoDBClient":
        return cast("DynamoDBClient", self._client("dynamodb"))

    def secrets(self) -> "SecretsManagerClient":
        return cast("SecretsManagerClient", self._client("secretsmanager"))

    def _client(self, service: str) -> object:
        return Session().create_client(
            service,
            region_name=self._region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )


class _Services:
    """WSGI: hands each request to the service that it names. moto's own dispatcher serves all of moto."""

    def __init__(self, dynamodb_url: str | None) -> None:
        self._apps: dict[str, WSGIApplication] = {}
        if dynamodb_url:
            self._apps["dynamodb"] = _Elsewhere(dynamodb_url)
        self._making = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        family = str(environ.get("HTTP_X_AMZ_TARGET", "")).partition(".")[0]
        if family not in SERVICES:
            # A browser's preflight ends here, too: no page may read the secrets (moto's own servers would let it).
            start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
            return [b'{"__type":"UnknownOperationException"}']
        return self._app(SERVICES[family])(environ, start_response)

    def _app(self, service: str) -> "WSGIApplication":
        with self._making:
            if service not in self._apps:
                self._apps[service] = _moto(service)
            return self._apps[service]


def _moto(service: str) -> "WSGIApplication":
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415 - each service costs a while

    app = cast("WSGIApplication", create_backend_app(service))  # type: ignore[arg-type]  # a Literal of all services
    # moto's DynamoDB checks and writes in two steps: under load, increments are lost (design 3.6).
    return _one_at_a_time(app) if service == "dynamodb" else app


def _one_at_a_time(app: "WSGIApplication") -> "WSGIApplication":
    lock = threading.Lock()

    def serialised(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with lock:
            return list(app(environ, start_response))

    return serialised


class _Elsewhere:
    """WSGI: passes a request on to another engine, unchanged, and its answer back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        sent = {name: str(environ[key]) for key, name in _PASSED_ON.items() if key in environ}
        answer = self._pool.request("POST", self._url, body=environ["wsgi.input"].read(), headers=sent)
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason}", headers)
        return [answer.data]
