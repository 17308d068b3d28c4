"""A soak in one process: only the run moves its clock, and the faults depend on the seed alone."""

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from chat_lookup import config
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import Application, TokenPair
from chat_lookup.bootstrap import core, process, services
from chat_lookup.bootstrap.core import Clients
from chat_lookup.clock import Deadline
from chat_lookup.observability.telemetry import Telemetry
from tests.chaos.soak_plan import (
    LASTING,
    METHOD,
    NOISE,
    SERVER_TROUBLES,
    SHARE_OF_TROUBLE,
    Plan,
    Question,
    Trouble,
    entity_id,
    heal,
    is_right,
    name_of,
)
from tests.support import lookup_function
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores
from tests.support.tokens import renewal_scene

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

LOOKUPS: Final = 120
A_ROUND: Final = 10
BETWEEN_ROUNDS: Final = 2.5 * 3600
SECONDS: Final = 10.0
"""Deadline of a look-up."""
_LASTING: Final = 0.2
"""Of all troubles."""
_A_STORE_TAKES: Final = 0.005
_A_PORTAL_TAKES: Final = 0.05

Outcome = tuple[int, str]
"""A status, and the source of the answer or the problem's name."""


class Chances:
    """Draws faults while `foul` is set. All draws use one sequence: the same seed gives the same run."""

    def __init__(self, seed: str) -> None:
        self.foul = False
        self._random = Random(seed)  # noqa: S311 - repeatable

    def trouble(self) -> Trouble | None:
        """The trouble of one call to the portal, mostly none."""
        if not self.foul or self._random.random() > SHARE_OF_TROUBLE:
            return None
        return self._random.choice(LASTING if self._random.random() < _LASTING else NOISE)

    def server_trouble(self) -> Trouble | None:
        if not self.foul or self._random.random() > SHARE_OF_TROUBLE:
            return None
        return self._random.choice(SERVER_TROUBLES)

    def blow(self) -> str:
        """The fault of one call to a store, including the SDK's retries of it."""
        if not self.foul:
            return ""
        return self._random.choices(("", "throttled", "repeated", "lost"), (0.94, 0.02, 0.02, 0.02))[0]


class FoulStore:
    """An AWS client whose calls are refused, executed twice, or executed without an answer."""

    def __init__(self, client: object, chances: Chances, clock: ManualClock) -> None:
        self._client = client
        self._chances = chances
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._struck(name, found) if name.islower() and callable(found) else found

    def _struck(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def struck(**request: object) -> object:
            blow = self._chances.blow()
            self._clock.advance(_A_STORE_TAKES)
            if blow == "throttled":
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "too much"}}, name)
            answer = call(**request)
            if blow == "lost":
                raise ConnectionClosedError(endpoint_url="https://store.example")
            return call(**request) if blow == "repeated" else answer

        return struck


class FoulServer(FakeAuthorisationServer):
    """An authorisation server that sometimes fails."""

    chances: Chances

    def refresh(
        self,
        server: str,
        application: Application,
        refresh_token: str,
        deadline: Deadline,
        former: TokenPair | None = None,
    ) -> TokenPair:
        trouble = self.chances.server_trouble()
        if trouble is not None and trouble.code:
            raise BitrixError(trouble.sent_code, trouble.status, method="oauth/token")
        return super().refresh(server, application, refresh_token, deadline, former)


class Day:
    """One process, its portal and its empty stores."""

    def __init__(self, stores: Stores, telemetry: Telemetry, patch: pytest.MonkeyPatch, seed: str) -> None:
        self.plan = Plan.of(LOOKUPS, A_ROUND, 1, seed)
        self._clock = ManualClock()
        self._chances = Chances(f"{seed} chances")
        self._round = 0
        self._bitrix24 = FakeBitrix24(self._clock)
        for method in (METHOD, "imbot.chat.get"):
            self._bitrix24.answers_by(method, self._answer)
        server = FoulServer(self._clock)
        server.chances = self._chances
        installing = renewal_scene.build(stores, self._clock, self._bitrix24, server, telemetry)
        self._portals = installing.portals
        self._portal = installing.install(rate=1000.0, burst=1000)
        patch.setattr(core, "Bitrix24Client", lambda *_, **__: self._bitrix24)
        patch.setattr(core, "AuthorisationServer", lambda *_: server)
        for module in (core, services):
            patch.setattr(module, "SystemRandom", lambda: Random(seed))  # noqa: S311 - repeatable
        built = services.build(_settings(stores), self._clients(stores), telemetry, self._clock)
        patch.setattr(process, "clock", self._clock)
        patch.setattr(process, "telemetry", lambda: telemetry)
        patch.setattr(process, "services", lambda: built)
        self._key = built.keys.create(MEMBER_ID, "soak", ["lookup"], None)[0]

    def outcomes(self) -> list[Outcome]:
        """Run every look-up, check each, and return their outcomes."""
        outcomes = []
        for number, questions in enumerate(self.plan.rounds):
            self._round = number
            self._chances.foul = False
            heal(self._portals, self._portal)
            self._clock.advance(BETWEEN_ROUNDS)
            self._chances.foul = True
            outcomes += [self._outcome(question) for question in questions]
        return outcomes

    def _outcome(self, question: Question) -> Outcome:
        began, (deal,) = self._clock.now(), question.deals
        query = {"entity_type": "CRM", "entity_id": entity_id(deal), "fresh": str(question.fresh).lower()}
        response = lookup_function.http("GET /v1/chats", urlencode(query), key=self._key)
        status, body = response["statusCode"], lookup_function.body(response)
        assert self._clock.now() - began < SECONDS
        assert status != 500, body
        outcome = body if status == 200 else {"problem": body}
        assert is_right(outcome, self.plan.chat_of(0, deal, self._round)), (question, body)
        return status, body["source"] if status == 200 else name_of(body)

    def _answer(self, params: Mapping[str, object]) -> object:
        """The portal's answer, or its trouble."""
        trouble = self._chances.trouble()
        self._clock.advance(_A_PORTAL_TAKES)
        if trouble is not None:
            self._clock.advance(self._bitrix24.deadlines[-1] if trouble.code == "TIMEOUT" else 0.0)
            if trouble.code:
                raise BitrixError(trouble.sent_code, trouble.status, method=METHOD)
        chat_id = self.plan.chat_of(0, int(str(params["ENTITY_ID"]).removeprefix("DEAL|")), self._round)
        return chat_id and {"ID": chat_id}

    def _clients(self, stores: Stores) -> Clients:
        def none() -> Any:
            raise AssertionError("look-ups use no queues")

        dynamodb, secrets = (FoulStore(each, self._chances, self._clock) for each in (stores.dynamodb, stores.secrets))
        return Clients(cast("DynamoDBClient", dynamodb), cast("SecretsManagerClient", secrets), none, none)


def _settings(stores: Stores) -> config.Settings:
    return config.from_environ(
        {"PORTAL_TABLE": stores.portal_table, "CACHE_TABLE": stores.cache_table, "SECRET_PREFIX": "unit"}
    )
