"""A removal that was interrupted between any two writes can be repeated to the end, and leaves nothing behind."""

import itertools
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from chat_lookup.bootstrap import process
from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalNotInstalled
from chat_lookup.lookup.model import Options
from chat_lookup.portals.portal import PortalState
from functions.install import app as install_app
from tests.support.admin_function import run
from tests.support.fakes import (
    CLIENT_ID,
    CLIENT_SECRET,
    MEMBER_ID,
    WEBHOOK_URL,
    FakeAuthorisationServer,
    FakeBitrix24,
    ManualClock,
    Stores,
    lambda_context,
)
from tests.support.portals.first_contact import DOMAIN, event, refusing, secret_arns
from tests.support.portals.known_portal import install_application
from tests.support.stores.dying_process import Died, dies_after

LOCKS_LAPSE_AFTER: Final = 120.0


class Scene:
    """An application in its portal, which can be installed again and again."""

    def __init__(
        self, stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, server: FakeAuthorisationServer
    ) -> None:
        self.stores = stores
        self.clock = clock
        self.bitrix24 = bitrix24
        self._server = server

    def install(self) -> None:
        """Install the application, make a key, and look a pair up."""
        install_application(self._server)
        run(command="keys.create", label="shop")
        services = process.services()
        deadline = Deadline.after(10, self.clock)
        services.lookup.find(services.portals.get(MEMBER_ID), EntityRef("CRM", "DEAL|1663"), Options(), deadline)

    def restarted(self) -> None:
        """Another process, after the locks of the dead one lapsed."""
        process.built.cache_clear()
        self.clock.advance(LOCKS_LAPSE_AFTER)

    @property
    def secrets(self) -> set[str]:
        """The secrets of portals."""
        return secret_arns(self.stores)

    @property
    def items(self) -> list[str]:
        """The keys of all items, but for applications, the limiter of addresses, and a lock that lapses."""
        keys = [
            str(item.get("sk", "")) + str(item["pk"])
            for table in (self.stores.portal_table, self.stores.cache_table)
            for item in self.stores.dynamodb.scan(TableName=table)["Items"]
        ]
        return [key for key in keys if not re.search("APP|LIMIT#attempts stranger|INSTALL#", key)]


@pytest.fixture
def scene(
    settled: Services,
    stores: Stores,
    clock: ManualClock,
    bitrix24: FakeBitrix24,
    server: FakeAuthorisationServer,
) -> Scene:
    del settled
    bitrix24.answers("im.chat.get", {"ID": 1437})
    bitrix24.answers("scope", ["im", "imbot"])
    return Scene(stores, clock, bitrix24, server)


def interrupted_everywhere(scene: Scene, prepare: Callable[[], None], work: Callable[[], object]) -> list[int]:
    """Interrupt the work at each write, and repeat it in another process. Returns the writes of each repetition."""
    repeated: list[int] = []
    for writes in itertools.count():
        prepare()
        died = False
        with dies_after(writes):
            try:
                work()
            except Died:
                died = True
        if not died:
            return repeated
        scene.restarted()
        with dies_after(1_000) as made:
            work()
        repeated.append(len(made))
    raise AssertionError


def test_portal_forget_can_be_interrupted_at_every_write(scene: Scene) -> None:
    def forget() -> None:
        # Interrupted after its last write but one, the giving back of the lock, there is nothing left to forget.
        with suppress(PortalNotInstalled):
            run(command="portal.forget", portal=MEMBER_ID)
        assert (scene.items, scene.secrets) == ([], set())

    assert interrupted_everywhere(scene, scene.install, forget)


def test_uninstallation_can_be_interrupted_at_every_write(scene: Scene) -> None:
    def prepare() -> None:
        scene.bitrix24.answers("app.info", {"ID": 1, "LICENSE_FAMILY": "std", "INSTALLED": False})
        scene.install()
        scene.bitrix24.answers_by("app.info", refusing("APPLICATION_NOT_FOUND", 401))

    def uninstall() -> None:
        assert install_app.handler(event("ONAPPUNINSTALL"), lambda_context())["statusCode"] == 200
        assert process.services().portals.named(MEMBER_ID).state is PortalState.UNINSTALLED
        assert scene.secrets == set()

    assert interrupted_everywhere(scene, prepare, uninstall)


def test_apps_remove_can_be_interrupted_at_every_write(scene: Scene) -> None:
    keys = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    portal_table = scene.stores.portal_table

    def prepare() -> None:
        if not run(command="apps.list")["applications"]:
            run(command="apps.add", kind="local", domain=DOMAIN, **keys)

    def remove() -> None:
        run(command="apps.remove", client_id=CLIENT_ID)
        assert run(command="apps.list") == {"applications": []}
        assert scene.stores.dynamodb.scan(TableName=portal_table)["Items"] == []
        assert secret_arns(scene.stores, "application") == set()

    assert interrupted_everywhere(scene, prepare, remove)


def test_webhook_in_the_place_of_an_application_leaves_no_token_of_it_wherever_it_is_interrupted(scene: Scene) -> None:
    """Between the first write of all and the record, a new secret that nothing names yet is left: without tokens."""

    def prepare() -> None:
        run(command="portal.forget", portal=MEMBER_ID) if run(command="portals")["portals"] else None
        scene.install()

    def add() -> None:
        run(command="portal.add_webhook", webhook_url=WEBHOOK_URL, member_id=MEMBER_ID)
        values = [scene.stores.secrets.get_secret_value(SecretId=arn)["SecretString"] for arn in scene.secrets]
        assert values
        assert not [value for value in values if "refresh_token" in value]
        record = process.services().portals.named(MEMBER_ID)
        assert (record.former_secrets, record.secret_arn in scene.secrets) == (frozenset(), True)

    assert interrupted_everywhere(scene, prepare, add)
