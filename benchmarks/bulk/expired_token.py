"""Fifty callers whose common token has just expired: how often it is renewed, and how many of them get no answer.

Ours are processes of the service with separate memory, as Lambda runs them. The reference is threads that share one
token of the vendor's SDK, which is the most that it can share. The authorisation server takes 400 ms in both cases, so
that all callers arrive during the first renewal.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Barrier
from typing import Any, Final
from unittest import mock
from urllib.parse import urlsplit

from b24pysdk import BitrixApp, BitrixToken  # type: ignore[import-untyped]  # it has annotations, but no py.typed
from b24pysdk.api.requesters import BitrixOAuthRequester  # type: ignore[import-untyped]  # as above

from benchmarks.ground import ground
from benchmarks.setting import Setting
from benchmarks.timing import Figure
from tests.sdk.webhook_mode import outcome, trusting
from tests.support.tokens.token_scene import CROWD, FIRST_CHAT, Place, Scene, running_scene, together

_CALLERS: Final = 50
_FEWER: Final = 8
"""In a quick run."""


@dataclass(frozen=True, slots=True)
class _Renewed:
    """The number of refreshes at the authorisation server, and of callers that failed."""

    refreshes: int
    failures: int


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    url = setting.dynamodb_local("has writes that are atomic")
    callers = _FEWER if setting.quick else _CALLERS
    with _scene(url, callers) as (place, scene):
        ours, theirs = _by_us(scene, callers), _by_sdk(place, scene, callers)
    whose = {f"{callers} processes": (ours, 1.0, 0.0), f"{callers} threads of b24pysdk": (theirs, None, None)}
    return [
        *(
            Figure.paired(f"refreshes, {who}", "the one that is needed", "", [got.refreshes], [1], most)
            for who, (got, most, _) in whose.items()
        ),
        *(
            Figure.paired(f"without an answer, {who}", "all callers", "", [got.failures], [callers], most)
            for who, (got, _, most) in whose.items()
        ),
    ]


@contextmanager
def _scene(dynamodb_url: str, callers: int) -> Iterator[tuple[Place, Scene]]:
    """A portal with a chat for each caller, and the service with tokens of it."""
    with ground(dynamodb_url) as parts:
        for number in range(CROWD, callers):
            chat = {"entity_type": "CRM", "entity_id": f"DEAL|{number}", "chat_id": FIRST_CHAT + number}
            parts.place.probe.tell("/chats", chat)
        with running_scene(*parts) as scene:
            yield parts.place, scene


def _by_us(scene: Scene, callers: int) -> _Renewed:
    processes = scene.begin(callers)
    scene.slow_server()
    scene.an_hour_passes()
    failures = sum(found.chat_id is None for found in together(processes))
    return _Renewed(scene.refreshes, failures)


def _by_sdk(place: Place, scene: Scene, callers: int) -> _Renewed:
    grant = scene.probe.tell("/grants", {})
    before, begin = scene.refreshes, Barrier(callers)
    token = BitrixToken(
        domain=grant["domain"],
        auth_token=grant["access_token"],
        refresh_token=grant["refresh_token"],
        expires=datetime.now(UTC),
        bitrix_app=BitrixApp(client_id=place.keys.client_id, client_secret=place.keys.client_secret),
    )

    def look_up(number: int) -> bool:
        begin.wait(60)
        pair = {"ENTITY_TYPE": "CRM", "ENTITY_ID": f"DEAL|{number}"}
        kind, _ = outcome(lambda sdk: sdk.call_method("im.chat.get", pair), token)
        return kind == "result"

    with _at(grant, str(scene.probe.portal.ca_file)), ThreadPoolExecutor(callers) as threads:
        answered = sum(threads.map(look_up, range(callers)))
    return _Renewed(scene.refreshes - before, callers - answered)


@contextmanager
def _at(grant: dict[str, Any], ca_file: str) -> Iterator[None]:
    """Inside, the SDK asks the local authorisation server: the vendor's address is a constant of its own."""
    server = f"https://{urlsplit(grant['server_endpoint']).netloc}/oauth/token/"
    with trusting(ca_file), mock.patch.object(BitrixOAuthRequester, "_OAUTH_TOKEN_URL", server):
        yield
