"""API keys: only the hash is kept, and what is over is refused everywhere within half a minute."""

import json

import pytest

from chat_lookup.errors import InvalidRequest, KeyRejected, ScopeMissing
from chat_lookup.portals.api_keys import Keys
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

OTHER = "f" * 32


@pytest.fixture
def keys(stores: Stores, clock: ManualClock) -> Keys:
    return Keys(stores.portal_rows, clock)


@pytest.fixture
def elsewhere(stores: Stores, clock: ManualClock) -> Keys:
    """The keys as another process has them: the same table, a memory of its own."""
    return Keys(stores.portal_rows, clock)


def make(keys: Keys, *scopes: str, member_id: str = MEMBER_ID, expires_at: float | None = None) -> str:
    key, _ = keys.create(member_id, "crm sync", scopes or ("lookup",), expires_at)
    return key


def everything(stores: Stores) -> str:
    return json.dumps(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])


def test_a_key_opens_its_portal_and_no_other(keys: Keys) -> None:
    first, second = make(keys), make(keys, member_id=OTHER)
    assert keys.authenticate(first, "lookup").member_id == MEMBER_ID
    assert keys.authenticate(second, "lookup").member_id == OTHER


def test_keys_are_url_safe_long_and_never_twice_the_same(keys: Keys) -> None:
    made = {make(keys) for _ in range(20)}
    assert len(made) == 20
    for key in made:
        assert len(key) >= 43
        assert key.replace("-", "").replace("_", "").isalnum()
        assert key.isascii()


def test_the_key_itself_is_nowhere_in_the_table(keys: Keys, stores: Stores) -> None:
    key = make(keys)
    stored = everything(stores)
    assert key not in stored
    assert key.removeprefix("clk_") not in stored
    assert key.removeprefix("clk_")[:12] not in stored


def test_the_name_of_a_key_tells_nothing_of_the_key(keys: Keys) -> None:
    key, kept = keys.create(MEMBER_ID, "crm sync", ["lookup"], None)
    assert kept.key_id not in key
    assert key not in repr(kept)


@pytest.mark.parametrize(
    "key",
    [None, "", " ", "short", "x" * 129, "clk_" + "a" * 43, "clk_кириллица-ключ", "a b" * 10, "clk_'; DROP TABLE--aaa"],
)
def test_what_is_no_key_of_ours_is_rejected(keys: Keys, key: str | None) -> None:
    make(keys)
    with pytest.raises(KeyRejected):
        keys.authenticate(key, "lookup")


def test_whoever_guesses_is_not_told_why_he_is_rejected(keys: Keys, clock: ManualClock) -> None:
    expired = make(keys, expires_at=clock.now() - 1)
    revoked, kept = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.revoke(MEMBER_ID, kept.key_id)
    told = set()
    for key in (expired, revoked, "clk_" + "a" * 43):
        with pytest.raises(KeyRejected) as raised:
            keys.authenticate(key, "lookup")
        told.add(str(raised.value))
    assert len(told) == 1


def test_a_key_is_good_for_its_scopes_only(keys: Keys) -> None:
    lookup, details = make(keys, "lookup"), make(keys, "details")
    assert keys.authenticate(make(keys, "lookup", "details"), "details").scopes == {"lookup", "details"}
    with pytest.raises(ScopeMissing, match="details"):
        keys.authenticate(lookup, "details")
    with pytest.raises(ScopeMissing, match="lookup"):
        keys.authenticate(details, "lookup")


def test_a_key_is_good_until_the_moment_at_which_it_expires_remembered_or_not(
    keys: Keys, elsewhere: Keys, clock: ManualClock
) -> None:
    key = make(keys, expires_at=clock.now() + 10)
    clock.advance(9.9)
    assert keys.authenticate(key, "lookup")
    clock.advance(0.2)
    for each in (keys, elsewhere):
        with pytest.raises(KeyRejected):
            each.authenticate(key, "lookup")


def test_a_revoked_key_is_refused_at_once_where_it_was_revoked(keys: Keys) -> None:
    key, kept = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.authenticate(key, "lookup")
    keys.revoke(MEMBER_ID, kept.key_id)
    with pytest.raises(KeyRejected):
        keys.authenticate(key, "lookup")


def test_a_revoked_key_is_refused_everywhere_within_half_a_minute_however_busy_it_is(
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


def test_revoking_one_key_leaves_the_portals_others(keys: Keys) -> None:
    kept_key = make(keys)
    _, gone = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.revoke(MEMBER_ID, gone.key_id)
    assert keys.authenticate(kept_key, "lookup")
    assert gone.key_id not in {each.key_id for each in keys.of(MEMBER_ID)}


@pytest.mark.parametrize("member_id", [MEMBER_ID, OTHER])
def test_a_portal_cannot_revoke_what_is_not_its_own(keys: Keys, member_id: str) -> None:
    key, kept = keys.create("a" * 32, "theirs", ["lookup"], None)
    with pytest.raises(InvalidRequest, match="key_id"):
        keys.revoke(member_id, kept.key_id)
    assert keys.authenticate(key, "lookup")


def test_the_keys_of_a_portal_are_listed_and_no_others(keys: Keys, clock: ManualClock) -> None:
    keys.create(MEMBER_ID, "first", ["lookup"], clock.now() + 60)
    keys.create(MEMBER_ID, "second", ["lookup", "details"], None)
    keys.create(OTHER, "theirs", ["lookup"], None)
    listed = {each.label: each for each in keys.of(MEMBER_ID)}
    assert set(listed) == {"first", "second"}
    assert listed["second"].scopes == {"lookup", "details"}
    assert listed["second"].expires_at is None
    assert listed["first"].expires_at == pytest.approx(clock.now() + 60)
    assert listed["first"].created_at == pytest.approx(clock.now())


def test_revoking_leaves_nothing_of_the_key_in_the_table(keys: Keys, stores: Stores) -> None:
    _, kept = keys.create(MEMBER_ID, "old", ["lookup"], None)
    keys.revoke(MEMBER_ID, kept.key_id)
    assert everything(stores) == "[]"


@pytest.mark.parametrize("scopes", [[], ["admin"], ["lookup", "everything"], ["LOOKUP"], [""]])
def test_a_key_needs_scopes_that_exist(keys: Keys, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="scopes"):
        keys.create(MEMBER_ID, "crm sync", scopes, None)


@pytest.mark.parametrize("label", ["", "x" * 101, "two\nlines", "\x00", "a\x7f", "a\u0085b", "\ud800"])
def test_a_label_is_one_line_that_can_be_stored(keys: Keys, label: str) -> None:
    with pytest.raises(InvalidRequest, match="label"):
        keys.create(MEMBER_ID, label, ["lookup"], None)


def test_a_label_may_be_any_words(keys: Keys) -> None:
    keys.create(MEMBER_ID, "Склад № 2 😀", ["lookup"], None)
    assert [each.label for each in keys.of(MEMBER_ID)] == ["Склад № 2 😀"]


def test_a_given_key_is_taken_as_it_is(keys: Keys) -> None:
    keys.create(MEMBER_ID, "local run", ["lookup"], None, key="clk_known-to-everybody")
    assert keys.authenticate("clk_known-to-everybody", "lookup").member_id == MEMBER_ID


# -- methods that pass -------------------------------------------------------------------------------------------------


def test_a_key_keeps_the_methods_that_pass_with_it_in_lower_case(keys: Keys, elsewhere: Keys) -> None:
    scopes = ["rest", "passthrough"]
    key, _ = keys.create(MEMBER_ID, "shop", scopes, None, passthrough=["crm.deal.get", "CRM.Deal.List"])
    assert elsewhere.authenticate(key, "rest").passthrough == {"crm.deal.get", "crm.deal.list"}
    without, _ = keys.create(MEMBER_ID, "shop", scopes, None)
    assert elsewhere.authenticate(without, "passthrough").passthrough == frozenset()


@pytest.mark.parametrize(
    "names", [["crm deal"], [""], ["crm..get"], ["batch"], ["BATCH"], ["x" * 101], [f"m{n}" for n in range(201)]]
)
def test_what_is_no_list_of_methods_makes_no_key(keys: Keys, names: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="passthrough"):
        keys.create(MEMBER_ID, "shop", ["rest", "passthrough"], None, passthrough=names)


def test_a_list_of_methods_is_of_no_use_without_its_scope(keys: Keys) -> None:
    with pytest.raises(InvalidRequest, match="scope passthrough"):
        keys.create(MEMBER_ID, "shop", ["rest"], None, passthrough=["crm.deal.get"])
