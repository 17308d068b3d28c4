"""API keys: only the hash is stored; an expired or revoked key is refused by every process within half a minute."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.errors import InvalidRequest, KeyRejected, ScopeMissing
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

OTHER = "f" * 32


@pytest.fixture
def keys(stores: Stores, clock: ManualClock) -> Keys:
    return Keys(stores.portal_rows, Portals(stores.portal_rows, clock), clock)


@pytest.fixture
def elsewhere(stores: Stores, clock: ManualClock) -> Keys:
    """The keys of another process: the same table, a separate memory."""
    return Keys(stores.portal_rows, Portals(stores.portal_rows, clock), clock)


def make(keys: Keys, *scopes: str, member_id: str = MEMBER_ID, expires_at: float | None = None) -> str:
    key, _ = keys.create(member_id, "crm sync", scopes or ("lookup",), expires_at)
    return key


def everything(stores: Stores) -> str:
    return json.dumps(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])


def test_key_opens_its_portal_and_no_other(keys: Keys) -> None:
    first, second = make(keys), make(keys, member_id=OTHER)
    assert keys.authenticate(first, "lookup").member_id == MEMBER_ID
    assert keys.authenticate(second, "lookup").member_id == OTHER


def test_keys_are_url_safe_long_and_unique(keys: Keys) -> None:
    made = {make(keys) for _ in range(20)}
    assert len(made) == 20
    for key in made:
        assert len(key) >= 43
        assert key.replace("-", "").replace("_", "").isalnum()
        assert key.isascii()


def test_key_itself_is_not_in_the_table(keys: Keys, stores: Stores) -> None:
    key = make(keys)
    stored = everything(stores)
    assert key not in stored
    assert key.removeprefix("clk_") not in stored
    assert key.removeprefix("clk_")[:12] not in stored


def test_id_of_a_key_reveals_nothing_of_the_key(keys: Keys) -> None:
    key, kept = keys.create(MEMBER_ID, "crm sync", ["lookup"], None)
    assert kept.key_id not in key
    assert key not in repr(kept)


@pytest.mark.parametrize(
    "key",
    [None, "", " ", "short", "x" * 129, "clk_" + "a" * 43, "clk_кириллица-ключ", "a b" * 10, "clk_'; DROP TABLE--aaa"],
)
def test_unknown_or_malformed_key_is_rejected(keys: Keys, key: str | None) -> None:
    make(keys)
    with pytest.raises(KeyRejected):
        keys.authenticate(key, "lookup")


def test_rejection_does_not_reveal_its_reason(keys: Keys, clock: ManualClock) -> None:
    expired = make(keys, expires_at=clock.now() - 1)
    revoked, kept = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.revoke(MEMBER_ID, kept.key_id)
    messages = set()
    for key in (expired, revoked, "clk_" + "a" * 43):
        with pytest.raises(KeyRejected) as raised:
            keys.authenticate(key, "lookup")
        messages.add(str(raised.value))
    assert len(messages) == 1


@pytest.mark.parametrize("form", ["Bearer {}", '"{}"', "'{}'", "<{}>", "{},", "X-Api-Key: {}", "…{}", "{} {}"])
def test_what_has_not_the_form_of_a_key_is_rejected_with_how_to_send_one(keys: Keys, form: str) -> None:
    key, _ = keys.create(MEMBER_ID, "shop", ["lookup"], None)
    for sent in (form.replace("{}", key), form.replace("{}", "clk_" + "a" * 43), "clk_half"):
        with pytest.raises(KeyRejected, match="send one whole, as it was made, without quotes"):
            keys.authenticate(sent, "lookup")


def test_key_is_valid_for_its_scopes_only(keys: Keys) -> None:
    lookup, details = make(keys, "lookup"), make(keys, "details")
    assert keys.authenticate(make(keys, "lookup", "details"), "details").scopes == {"lookup", "details"}
    with pytest.raises(ScopeMissing, match="details"):
        keys.authenticate(lookup, "details")
    with pytest.raises(ScopeMissing, match="lookup"):
        keys.authenticate(details, "lookup")


def test_key_is_valid_until_it_expires_whether_remembered_or_not(
    keys: Keys, elsewhere: Keys, clock: ManualClock
) -> None:
    key = make(keys, expires_at=clock.now() + 10)
    clock.advance(9.9)
    assert keys.authenticate(key, "lookup")
    clock.advance(0.2)
    for each in (keys, elsewhere):
        with pytest.raises(KeyRejected):
            each.authenticate(key, "lookup")


def test_revoked_key_is_refused_at_once_in_the_same_process(keys: Keys) -> None:
    key, kept = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.authenticate(key, "lookup")
    keys.revoke(MEMBER_ID, kept.key_id)
    with pytest.raises(KeyRejected):
        keys.authenticate(key, "lookup")


def test_revoked_key_is_refused_within_half_a_minute_in_a_busy_process(
    keys: Keys, elsewhere: Keys, clock: ManualClock
) -> None:
    key, kept = keys.create(MEMBER_ID, "old", ["lookup"], None)
    elsewhere.authenticate(key, "lookup")
    keys.revoke(MEMBER_ID, kept.key_id)
    for _ in range(6):
        clock.advance(4.9)
        assert elsewhere.authenticate(key, "lookup")  # remembered: a busy portal costs no read per request
    clock.advance(0.7)
    with pytest.raises(KeyRejected):
        elsewhere.authenticate(key, "lookup")


def test_revoking_one_key_keeps_the_portals_others(keys: Keys) -> None:
    kept_key = make(keys)
    _, gone = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.revoke(MEMBER_ID, gone.key_id)
    assert keys.authenticate(kept_key, "lookup")
    assert gone.key_id not in {each.key_id for each in keys.of(MEMBER_ID)}


@pytest.mark.parametrize("member_id", [MEMBER_ID, OTHER])
def test_portal_cannot_revoke_the_key_of_another(keys: Keys, member_id: str) -> None:
    key, kept = keys.create("a" * 32, "theirs", ["lookup"], None)
    with pytest.raises(InvalidRequest, match="key_id"):
        keys.revoke(member_id, kept.key_id)
    assert keys.authenticate(key, "lookup")


def test_list_returns_the_keys_of_the_portal_only(keys: Keys, clock: ManualClock) -> None:
    keys.create(MEMBER_ID, "first", ["lookup"], clock.now() + 60)
    keys.create(MEMBER_ID, "second", ["lookup", "details"], None)
    keys.create(OTHER, "theirs", ["lookup"], None)
    listed = {each.label: each for each in keys.of(MEMBER_ID)}
    assert set(listed) == {"first", "second"}
    assert listed["second"].scopes == {"lookup", "details"}
    assert listed["second"].expires_at is None
    assert listed["first"].expires_at == pytest.approx(clock.now() + 60)
    assert listed["first"].created_at == pytest.approx(clock.now())


def test_revoked_key_is_deleted_from_the_table(keys: Keys, stores: Stores) -> None:
    _, kept = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.revoke(MEMBER_ID, kept.key_id)
    assert everything(stores) == "[]"


@pytest.mark.parametrize("scopes", [[], ["admin"], ["lookup", "everything"], ["LOOKUP"], [""]])
def test_key_needs_scopes_that_exist(keys: Keys, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="scopes"):
        keys.create(MEMBER_ID, "crm sync", scopes, None)


@pytest.mark.parametrize("label", ["", "x" * 101, "two\nlines", "\x00", "a\x7f", "a\u0085b", "\ud800"])
def test_label_is_one_line_that_can_be_stored(keys: Keys, label: str) -> None:
    with pytest.raises(InvalidRequest, match="label"):
        keys.create(MEMBER_ID, label, ["lookup"], None)


def test_label_may_be_any_text(keys: Keys) -> None:
    keys.create(MEMBER_ID, "Склад № 2 😀", ["lookup"], None)
    assert [each.label for each in keys.of(MEMBER_ID)] == ["Склад № 2 😀"]


def test_given_key_is_stored_unchanged(keys: Keys) -> None:
    keys.create(MEMBER_ID, "local run", ["lookup"], None, key="clk_known-to-everybody")
    assert keys.authenticate("clk_known-to-everybody", "lookup").member_id == MEMBER_ID


# -- allowed methods ---------------------------------------------------------------------------------------------------


def test_allowed_methods_of_a_key_are_stored_in_lower_case(keys: Keys, elsewhere: Keys) -> None:
    scopes = ["rest", "passthrough"]
    key, _ = keys.create(MEMBER_ID, "shop", scopes, None, passthrough=["crm.deal.get", "CRM.Deal.List"])
    assert elsewhere.authenticate(key, "rest").passthrough == {"crm.deal.get", "crm.deal.list"}
    without, _ = keys.create(MEMBER_ID, "shop", scopes, None)
    assert elsewhere.authenticate(without, "passthrough").passthrough == frozenset()


@pytest.mark.parametrize(
    "names", [["crm deal"], [""], ["crm..get"], ["batch"], ["BATCH"], ["x" * 101], [f"m{n}" for n in range(201)]]
)
def test_key_with_an_invalid_list_of_methods_is_refused(keys: Keys, names: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="passthrough"):
        keys.create(MEMBER_ID, "shop", ["rest", "passthrough"], None, passthrough=names)


def test_list_of_methods_without_its_scope_is_refused(keys: Keys) -> None:
    with pytest.raises(InvalidRequest, match="scope passthrough"):
        keys.create(MEMBER_ID, "shop", ["rest"], None, passthrough=["crm.deal.get"])


# -- uninstallations suspend keys --------------------------------------------------------------------------------------


@pytest.fixture
def portals(stores: Stores, clock: ManualClock) -> Portals:
    """The records of a process of its own."""
    return Portals(stores.portal_rows, clock)


@pytest.fixture
def acme(portals: Portals) -> Portal:
    return portals.save(Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1"))


def by_event(stores: Stores, portals: Portals, portal: Portal) -> None:
    """The uninstall event."""
    assert PortalFacts(stores.portal_rows, portals).uninstalled(portal)


def by_refusal(stores: Stores, portals: Portals, portal: Portal) -> None:
    """The authorisation server answers so at a renewal."""
    del portals
    Pointers(stores.portal_rows).close(portal.member_id, portal.token_version, PortalState.UNINSTALLED, "CODE", 0)


@pytest.mark.parametrize("uninstall", [by_event, by_refusal])
def test_keys_of_an_uninstalled_portal_stay_suspended_after_an_installation_until_an_operator_restores_them(
    keys: Keys,
    stores: Stores,
    clock: ManualClock,
    portals: Portals,
    acme: Portal,
    uninstall: Callable[[Stores, Portals, Portal], None],
) -> None:
    first, second = make(keys), make(keys)
    uninstall(stores, portals, acme)
    clock.advance(30)
    # While the application is uninstalled, callers get the portal's state.
    assert keys.authenticate(first, "lookup").member_id == MEMBER_ID

    for version in ("version-2", "version-3"):
        again = portals.save(acme._replace(secret_arn=f"arn:{version}", token_version=version))
        clock.advance(30)
        for key in (first, second):
            with pytest.raises(KeyRejected, match="suspended"):
                keys.authenticate(key, "lookup")
        assert [key.is_suspended(again) for key in keys.of(MEMBER_ID)] == [True, True]
    new = make(keys)
    assert keys.authenticate(new, "lookup").member_id == MEMBER_ID

    only = keys.authenticate(new, "lookup").key_id
    assert keys.restore(again, only) == []
    named = next(key.key_id for key in keys.of(MEMBER_ID) if key.is_suspended(again))
    assert [key.key_id for key in keys.restore(again, named)] == [named]
    assert len(keys.restore(again)) == 1
    assert keys.restore(again) == []
    for key in (first, second, new):
        assert keys.authenticate(key, "lookup").member_id == MEMBER_ID


def test_suspended_key_is_refused_whatever_its_scope(
    keys: Keys, stores: Stores, portals: Portals, acme: Portal
) -> None:
    key = make(keys)
    by_event(stores, portals, acme)
    portals.save(acme)
    with pytest.raises(KeyRejected):
        keys.authenticate(key, "details")


def test_key_that_is_made_while_the_application_is_uninstalled_is_valid_after_its_installation(
    keys: Keys, stores: Stores, portals: Portals, acme: Portal
) -> None:
    by_event(stores, portals, acme)
    key = make(keys)
    portals.save(acme)
    assert keys.authenticate(key, "lookup").member_id == MEMBER_ID


def test_installation_without_an_uninstallation_keeps_the_keys(keys: Keys, portals: Portals, acme: Portal) -> None:
    key = make(keys)
    portals.save(acme._replace(secret_arn="arn:again"))
    assert keys.authenticate(key, "lookup").member_id == MEMBER_ID


def test_restored_and_expired_key_stays_expired(
    keys: Keys, clock: ManualClock, stores: Stores, portals: Portals, acme: Portal
) -> None:
    key = make(keys, expires_at=clock.now() + 60)
    by_event(stores, portals, acme)
    keys.restore(portals.save(acme))
    clock.advance(60)
    with pytest.raises(KeyRejected):
        keys.authenticate(key, "lookup")


def test_unknown_key_cannot_be_restored(keys: Keys, acme: Portal) -> None:
    with pytest.raises(InvalidRequest, match="no key"):
        keys.restore(acme, "0123456789ab")


def test_many_processes_that_make_keys_at_once_fill_each_place_once(stores: Stores, clock: ManualClock) -> None:
    def make(number: int) -> int | None:
        portals = Portals(stores.portal_rows, clock)
        try:
            return (
                Keys(stores.portal_rows, portals, clock)
                .create(MEMBER_ID, f"key {number}", ["lookup"], None, places=5)[1]
                .place
            )
        except InvalidRequest:
            return None

    with ThreadPoolExecutor(12) as threads:
        places = [each for each in threads.map(make, range(12)) if each is not None]
    assert sorted(places) == [1, 2, 3, 4, 5]


def test_place_of_a_revoked_key_is_free_and_none_is_left_when_all_are_revoked(keys: Keys, stores: Stores) -> None:
    made = [keys.create(MEMBER_ID, "x", ["lookup"], None, places=2)[1] for _ in range(2)]
    with pytest.raises(InvalidRequest, match="2 keys"):
        keys.create(MEMBER_ID, "x", ["lookup"], None, places=2)
    keys.revoke(MEMBER_ID, made[0].key_id)
    assert keys.create(MEMBER_ID, "x", ["lookup"], None, places=2)[1].place == 1
    for key in list(keys.of(MEMBER_ID)):
        keys.revoke(MEMBER_ID, key.key_id)
    assert "PLACE#" not in str(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])


def test_restored_key_keeps_its_place(keys: Keys, portals: Portals, acme: Portal) -> None:
    _, made = keys.create(acme.member_id, "x", ["lookup"], None, places=5)
    restored = keys.restore(acme._replace(uninstalls=3))
    assert [(each.key_id, each.place) for each in restored] == [(made.key_id, 1)]
    assert portals.read(acme.member_id) is not None
