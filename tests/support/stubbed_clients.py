"""AWS clients that answer expected calls, checked against the models of their services."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.session import Session
from botocore.stub import Stubber

REGION = "eu-central-1"


class StubbedClients:
    """Clients by name of their service. Each takes the calls that are expected of it, in order, and no others."""

    def __init__(self) -> None:
        self._stubs: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        self._stub(service)
        return _client(service)

    def expect(self, service: str, operation: str, response: Mapping[str, Any], **parameters: object) -> None:
        self._stub(service).add_response(operation, dict(response), parameters)

    def refuse(self, service: str, operation: str, code: str, message: str = "", **parameters: object) -> None:
        self._stub(service).add_client_error(operation, code, message, expected_params=parameters)

    def end(self) -> None:
        """Give the clients back; fails if an expected call was not made."""
        for stub in self._stubs.values():
            stub.deactivate()
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()

    def _stub(self, service: str) -> Any:
        if service not in self._stubs:
            self._stubs[service] = Stubber(_client(service))
            self._stubs[service].activate()
        return self._stubs[service]


@cache
def _session() -> Session:
    session = Session()
    session.set_credentials("access", "secret")
    return session


@cache
def _client(service: str) -> Any:
    """A client is made from a whole service model: once for all tests of a process."""
    session: Any = _session()
    return session.create_client(service, region_name=REGION)
