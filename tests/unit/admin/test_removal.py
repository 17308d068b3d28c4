"""Forgetting a portal deletes all of its data and none of another portal's."""

import re

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap.services import Services
from chat_lookup.cache import rows
from chat_lookup.cache.chat_cache import KINDS
from chat_lookup.clock import Deadline
from chat_lookup.dynamodb import text
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalNotInstalled
from chat_lookup.lookup.model import Options
from chat_lookup.portals.portal import PortalState
from chat_lookup.portals.updates import PortalFacts
from functions.install import app as install_app
from tests.support.admin_function import run
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores, lambda_context
from tests.support.in_process_service import Service, install
from tests.support.portals.first_contact import DOMAIN, frame
from tests.support.repository import PACKAGE

pytestmark = pytest.mark.usefixtures("installed")


def test_forgetting_a_portal_deletes_all_of_its_data(
    installed: Services, stores: Stores, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = installed.portals.get(MEMBER_ID)
    bitrix24.answers("im.chat.get", {"ID": 1437})
    installed.lookup.find(portal, EntityRef("CRM", "DEAL|1663"), Options(), Deadline.after(10, clock))
    run(command="keys.create", portal=DOMAIN, label="crm")
    answer = run(command="portal.forget", portal=DOMAIN)
    assert answer == {
        "member_id": MEMBER_ID,
        "domain": DOMAIN,
        "keys": 1,
        "rows": 1,
        "unregistered": ["command", "bot", "events"],
        "left_in_portal": [],
        "why_left": None,
    }
    for table in (stores.portal_table, stores.cache_table):
        left = stores.dynamodb.scan(TableName=table)["Items"]
        assert not [
            item for item in left if "CHAT#" in str(item) or "PORTAL#" in str(item) or str(item)[:7] == "DOMAIN#"
        ]
    with pytest.raises(stores.secrets.exceptions.ResourceNotFoundException):
        stores.secrets.get_secret_value(SecretId=portal.secret_arn)
    with pytest.raises(PortalNotInstalled):
        run(command="portal.forget", portal=DOMAIN)


def test_forgetting_a_portal_asks_it_to_remove_bot_command_and_bindings(
    installed: Services, bitrix24: FakeBitrix24
) -> None:
    portal = installed.portals.get(MEMBER_ID)
    bound = [{"event": "ONAPPUNINSTALL", "handler": f"{portal.public_url}/bitrix24/install", "offline": 0}]
    bitrix24.answers("event.get", bound)
    known = len(bitrix24.calls)
    run(command="portal.forget", portal=MEMBER_ID)
    assert [(call.method, call.params) for call in bitrix24.calls[known:]] == [
        ("imbot.v2.Command.unregister", {"botId": 456, "commandId": 42}),
        ("imbot.v2.Bot.unregister", {"botId": 456}),
        ("event.get", {}),
        ("event.unbind", {"event": "ONAPPUNINSTALL", "handler": bound[0]["handler"]}),
    ]


@pytest.mark.parametrize(
    ("method", "code", "status", "left", "why"),
    [
        ("imbot.v2.Bot.unregister", "BOT_OWNERSHIP_ERROR", 403, ["bot"], "BOT_OWNERSHIP_ERROR"),
        ("imbot.v2.Bot.unregister", "BOT_NOT_FOUND", 400, [], None),
        ("imbot.v2.Command.unregister", "COMMAND_NOT_FOUND", 400, [], None),
        ("event.get", "HTTP_5XX", 503, ["events"], "HTTP_5XX"),
        ("imbot.v2.Command.unregister", "TIMEOUT", 0, ["command"], "TIMEOUT"),
    ],
)
def test_portal_that_refuses_or_fails_is_forgotten_and_the_answer_names_what_is_left_in_it(
    bitrix24: FakeBitrix24, method: str, code: str, status: int, left: list[str], why: str | None
) -> None:
    bitrix24.fails(method, code, status)
    answer = run(command="portal.forget", portal=DOMAIN)
    assert answer["left_in_portal"] == left
    assert sorted(answer["unregistered"] + left) == ["bot", "command", "events"]
    assert (answer["why_left"] or "").rpartition(" ")[2] == (why or "")
    assert run(command="portals") == {"portals": []}


def test_portal_that_does_not_answer_is_asked_for_a_bounded_time(bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    def hang(_: object) -> object:
        clock.advance(60)
        raise BitrixError("TIMEOUT")

    for method in ("imbot.v2.Command.unregister", "imbot.v2.Bot.unregister", "event.get"):
        bitrix24.answers_by(method, hang)
    known = len(bitrix24.calls)
    answer = run(command="portal.forget", portal=DOMAIN)
    assert answer["left_in_portal"] == ["command", "bot", "events"]
    assert len(bitrix24.calls) == known + 1  # nothing is asked after the time is over


@pytest.mark.parametrize("state", [PortalState.UNINSTALLED, PortalState.STOPPED])
def test_uninstalled_or_stopped_portal_is_forgotten_without_a_call(
    installed: Services, stores: Stores, bitrix24: FakeBitrix24, state: PortalState
) -> None:
    portal = installed.portals.get(MEMBER_ID)
    if state is PortalState.STOPPED:
        installed.portals.states.stop(portal)
    else:
        PortalFacts(stores.portal_rows, installed.portals).uninstalled(portal)
    known = len(bitrix24.calls)
    answer = run(command="portal.forget", portal=DOMAIN)
    assert (answer["left_in_portal"], bool(answer["why_left"])) == (["command", "bot", "events"], True)
    assert len(bitrix24.calls) == known


def test_webhook_portal_is_forgotten_without_a_call(service: Service, bitrix24: FakeBitrix24) -> None:
    webhook = install(service, member_id="0123456789abcdef0123456789abcdef", domain="globex.bitrix24.com", bot_id=17)
    known = len(bitrix24.calls)
    answer = run(command="portal.forget", portal=webhook.member_id)
    assert (answer["unregistered"], answer["left_in_portal"], answer["why_left"]) == ([], [], None)
    assert len(bitrix24.calls) == known


def test_forgetting_a_portal_deletes_the_items_of_its_former_domains(installed: Services, stores: Stores) -> None:
    portal = installed.portals.get(MEMBER_ID)
    for number in range(3):
        portal = installed.portals.save(portal._replace(domain=f"acme{number}.bitrix24.com"))
        # As a renewal that finds the new address writes it: beside the item of the former one.
        installed.portals.moved(portal._replace(domain=DOMAIN))
    run(command="portal.forget", portal=MEMBER_ID)
    left = stores.dynamodb.scan(TableName=stores.portal_table)["Items"]
    assert [item for item in left if MEMBER_ID in str(item)] == []


def test_every_kind_of_row_of_a_portal_is_deleted() -> None:
    """Rows of CacheTable whose key begins with a kind and the portal's member id, in every room."""
    sources = "".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    kinds = set(re.findall(r'f"([A-Z]+)#\{(?:portal\.)?member_id\}', sources))
    kinds |= {value for name, value in vars(rows).items() if name == value}  # those of one form, `{kind}#{member_id}`
    # A portal's record and keys are in PortalTable; the lock of an installation is given back, or lapses.
    assert kinds - {"PORTAL", "INSTALL"} == set(KINDS)


def test_rows_of_a_portal_whose_member_id_begins_alike_are_kept(installed: Services, stores: Stores) -> None:
    others = [f"{kind}#{MEMBER_ID}{end}" for kind in KINDS for end in ("0", "0#1#x")]
    ours = [f"{kind}#{MEMBER_ID}{end}" for kind in KINDS for end in ("", "#1#x")]
    for key in (*others, *ours):
        stores.cache_rows.put({"pk": text(key)})
    del installed
    run(command="portal.forget", portal=MEMBER_ID)
    left = {item["pk"]["S"] for item in stores.dynamodb.scan(TableName=stores.cache_table)["Items"]}
    assert left >= set(others)
    assert not left & set(ours)


def test_renamed_portal_that_was_forgotten_can_be_installed_with_its_local_application(
    installed: Services, server: FakeAuthorisationServer
) -> None:
    portal, renamed = installed.portals.get(MEMBER_ID), "acme-new.bitrix24.com"
    # A renewal found the new address.
    assert installed.portals.states.change(portal, domain=text(renamed))
    installed.portals.moved(portal._replace(domain=renamed))
    assert run(command="apps.list")["applications"][0]["domain"] == renamed
    run(command="portal.forget", portal=renamed)
    assert run(command="apps.list")["applications"][0]["domain"] == renamed
    server.grants("again-refresh-token", host=renamed)
    sent = frame(form={"REFRESH_ID": "again-refresh-token"}, query={"DOMAIN": renamed})
    assert install_app.handler(sent, lambda_context())["statusCode"] == 200
    assert installed.portals.named(MEMBER_ID).domain == renamed


def test_forgetting_one_portal_keeps_the_other_with_the_same_domain(installed: Services, service: Service) -> None:
    """A portal that was reached by webhook first, and has the application installed since."""
    webhook = install(service, member_id="0123456789abcdef0123456789abcdef")
    run(command="portal.forget", portal=MEMBER_ID)
    assert installed.portals.named(DOMAIN).member_id == webhook.member_id


def test_rows_cached_before_a_portal_was_forgotten_are_not_found_again(
    installed: Services, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    before = installed.portals.get(MEMBER_ID).generation
    run(command="portal.forget", portal=DOMAIN)
    clock.advance(1)
    server.grants("again-refresh-token")
    assert install_app.handler(frame(form={"REFRESH_ID": "again-refresh-token"}), lambda_context())["statusCode"] == 200
    assert installed.portals.get(MEMBER_ID).generation != before
