"""Secrets by version: the caller names the version to read; an unsaved version is not lost."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chat_lookup.clock import Deadline, bound_by
from chat_lookup.credentials.secret_store import RESERVED, Vault
from chat_lookup.errors import ServiceMisconfigured, StoreUnavailable
from chat_lookup.observability.redaction import MASK, Redactor
from tests.support.fakes import ManualClock, Stores

PAIR = {"access_token": "acc3ss-0n3", "refresh_token": "r3fr3sh-0n3", "server": "oauth.bitrix.info"}
NEXT = {"access_token": "acc3ss-tw0", "refresh_token": "r3fr3sh-tw0", "server": "oauth.bitrix.info"}
NO_ANSWER = EndpointConnectionError(endpoint_url="https://secretsmanager.example")


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "message of AWS"}}, "GetSecretValue")


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def vault(stores: Stores, clock: ManualClock, redactor: Redactor) -> Vault:
    return Vault(stores.secrets, "unit", clock, redactor)


@pytest.fixture
def elsewhere(stores: Stores, clock: ManualClock) -> Vault:
    """The same secrets for another process."""
    return Vault(stores.secrets, "unit", clock, Redactor())


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    return Deadline.after(5, clock)


@pytest.fixture
def fails(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Make a call of Secrets Manager fail so many times, or always; returns the counter of its calls."""

    def arm(name: str, error: Exception, times: int = 1_000) -> list[int]:
        works, made = getattr(stores.secrets, name), [0]

        def call(**arguments: Any) -> object:
            made[0] += 1
            if made[0] <= times:
                raise error
            return works(**arguments)

        monkeypatch.setattr(stores.secrets, name, call)
        return made

    return arm


# -- reading -----------------------------------------------------------------------------------------------------------


def test_each_secret_is_stored_under_its_own_name(stores: Stores, vault: Vault, elsewhere: Vault) -> None:
    kept = [vault.create("portal", PAIR), vault.create("portal", PAIR)]
    names = [stores.secrets.describe_secret(SecretId=arn)["Name"] for arn, _ in kept]
    assert len(set(names)) == 2
    assert all(name.startswith("unit/portal/") for name in names)
    assert [elsewhere.read(*each) for each in kept] == [PAIR, PAIR]


def test_new_secret_is_encrypted_with_the_key_of_the_stack_if_it_has_one(stores: Stores, clock: ManualClock) -> None:
    key_arn = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-0000-0000-000000000000"
    arn, _ = Vault(stores.secrets, "unit", clock, Redactor(), key_arn).create("portal", PAIR)
    other, _ = Vault(stores.secrets, "unit", clock, Redactor()).create("portal", PAIR)
    assert stores.secrets.describe_secret(SecretId=arn)["KmsKeyId"] == key_arn
    assert "KmsKeyId" not in stores.secrets.describe_secret(SecretId=other)


def test_version_is_read_by_its_id_and_not_as_the_current_one(
    vault: Vault, elsewhere: Vault, deadline: Deadline
) -> None:
    arn, first = vault.create("portal", PAIR)
    second = str(uuid.uuid4())
    vault.save(arn, second, NEXT, deadline)
    assert (elsewhere.read(arn, first), elsewhere.read(arn, second)) == (PAIR, NEXT)


def test_missing_version_is_none_and_is_read_again(vault: Vault, elsewhere: Vault, deadline: Deadline) -> None:
    arn, _ = vault.create("portal", PAIR)
    later = str(uuid.uuid4())
    assert elsewhere.read(arn, later) is None
    vault.save(arn, later, NEXT, deadline)
    assert elsewhere.read(arn, later) == NEXT


def test_version_that_is_missing_until_the_deadline_is_a_failure_of_the_store(vault: Vault, deadline: Deadline) -> None:
    arn, _ = vault.create("portal", PAIR)
    with bound_by(deadline), pytest.raises(StoreUnavailable):
        vault.read_soon(arn, str(uuid.uuid4()), deadline)
    assert 0 <= deadline.left() < 1


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidRequestException"])
def test_deleted_secret_is_none(vault: Vault, fails: Callable[..., list[int]], elsewhere: Vault, code: str) -> None:
    kept = vault.create("portal", PAIR)
    fails("get_secret_value", refusal(code))
    assert elsewhere.read(*kept) is None


def test_remembered_version_is_used_while_secrets_cannot_be_read(
    vault: Vault, elsewhere: Vault, fails: Callable[..., list[int]], clock: ManualClock
) -> None:
    kept = vault.create("portal", PAIR)
    elsewhere.read(*kept)
    fails("get_secret_value", refusal("InternalServiceError"))
    clock.advance(23 * 3600)
    assert (vault.read(*kept), elsewhere.read(*kept)) == (PAIR, PAIR)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (refusal("InternalServiceError"), StoreUnavailable),
        (refusal("ThrottlingException"), StoreUnavailable),
        (NO_ANSWER, StoreUnavailable),
        (refusal("AccessDeniedException"), ServiceMisconfigured),
    ],
)
@pytest.mark.parametrize("call", ["get_secret_value", "create_secret", "delete_secret"])
def test_failure_of_secrets_manager_is_translated(
    vault: Vault,
    elsewhere: Vault,
    fails: Callable[..., list[int]],
    failure: Exception,
    error: type[Exception],
    call: str,
) -> None:
    arn, version = vault.create("portal", PAIR)
    fails(call, failure)
    use: dict[str, Callable[[], object]] = {
        "get_secret_value": lambda: elsewhere.read(arn, version),
        "create_secret": lambda: vault.create("portal", PAIR),
        "delete_secret": lambda: vault.wipe(arn),
    }
    with pytest.raises(error) as raised:
        use[call]()
    assert raised.value.__suppress_context__


# -- saving ------------------------------------------------------------------------------------------------------------


def test_save_is_retried_until_it_succeeds(
    vault: Vault, elsewhere: Vault, fails: Callable[..., list[int]], deadline: Deadline
) -> None:
    arn, _ = vault.create("portal", PAIR)
    made = fails("put_secret_value", refusal("InternalServiceError"), times=2)
    version = str(uuid.uuid4())
    vault.save(arn, version, NEXT, deadline)
    assert made == [3]
    assert not vault.unsaved(arn, version)
    assert elsewhere.read(arn, version) == NEXT


def test_repeated_save_of_a_version_after_a_lost_answer_changes_nothing(
    vault: Vault, elsewhere: Vault, deadline: Deadline
) -> None:
    arn, _ = vault.create("portal", PAIR)
    version = str(uuid.uuid4())
    for _ in range(2):
        vault.save(arn, version, NEXT, deadline)
    assert elsewhere.read(arn, version) == NEXT


@pytest.mark.parametrize(("left", "taken"), [(5.0, 5.0), (0.0, 2.0), (-30.0, 2.0)])
def test_save_is_retried_until_the_deadline_and_for_at_least_two_seconds(
    vault: Vault, fails: Callable[..., list[int]], clock: ManualClock, left: float, taken: float
) -> None:
    arn, _ = vault.create("portal", PAIR)
    fails("put_secret_value", refusal("InternalServiceError"))
    began = clock.now()
    with pytest.raises(StoreUnavailable) as raised:
        vault.save(arn, str(uuid.uuid4()), NEXT, Deadline(began + left, clock))
    assert taken - 0.5 <= clock.now() - began <= taken
    assert raised.value.__suppress_context__


def test_unsaved_version_is_kept_and_saved_before_it_is_read(
    vault: Vault, elsewhere: Vault, fails: Callable[..., list[int]], clock: ManualClock
) -> None:
    arn, _ = vault.create("portal", PAIR)
    version = str(uuid.uuid4())
    made = fails("put_secret_value", NO_ANSWER, times=30)
    with pytest.raises(StoreUnavailable):
        vault.save(arn, version, NEXT, Deadline.after(1, clock))
    # The reader of a version may point the record to it: so every process must be able to read it.
    with pytest.raises(StoreUnavailable):
        vault.read(arn, version)
    assert vault.unsaved(arn, version)
    assert not elsewhere.unsaved(arn, version)
    made[0] = 30
    assert vault.read(arn, version) == NEXT
    assert not vault.unsaved(arn, version)
    assert elsewhere.read(arn, version) == NEXT


# -- the reserved version for a successor ------------------------------------------------------------------------------

OVER_QUOTA = refusal("LimitExceededException")


def versions_of(stores: Stores, arn: str) -> dict[str, list[str]]:
    return stores.secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]


def test_repeated_reservation_makes_one_version_and_keeps_the_newest_one(
    stores: Stores, vault: Vault, elsewhere: Vault, deadline: Deadline
) -> None:
    arn, version = vault.create("portal", PAIR)
    for each in (vault, elsewhere) * 50:
        each.reserve(arn, version, deadline)
    assert len(versions_of(stores, arn)) == 2
    assert elsewhere.newest(arn) == (version, PAIR)
    assert versions_of(stores, arn)[version] == ["AWSCURRENT"]


def test_each_successor_has_its_own_reservation(stores: Stores, vault: Vault, deadline: Deadline) -> None:
    arn, version = vault.create("portal", PAIR)
    vault.reserve(arn, version, deadline)
    second = str(uuid.uuid4())
    vault.save(arn, second, NEXT, deadline)
    vault.reserve(arn, second, deadline)
    assert [stages for stages in versions_of(stores, arn).values() if RESERVED in stages] == [[RESERVED]]
    assert vault.newest(arn) == (second, NEXT)


@pytest.mark.parametrize(
    ("failure", "error", "most"),
    [
        (refusal("InternalServiceError"), StoreUnavailable, 30),
        (NO_ANSWER, StoreUnavailable, 30),
        (OVER_QUOTA, StoreUnavailable, 1),
        (refusal("AccessDeniedException"), ServiceMisconfigured, 1),
    ],
)
def test_failed_reservation_raises_within_the_deadline(
    vault: Vault,
    fails: Callable[..., list[int]],
    clock: ManualClock,
    deadline: Deadline,
    failure: Exception,
    error: type[Exception],
    most: int,
) -> None:
    arn, version = vault.create("portal", PAIR)
    made = fails("put_secret_value", failure)
    with pytest.raises(error) as raised:
        vault.reserve(arn, version, deadline)
    assert raised.value.__suppress_context__
    assert 1 <= made[0] <= most
    assert clock.now() <= deadline.at


def test_reservation_is_retried_until_it_succeeds(
    vault: Vault, fails: Callable[..., list[int]], deadline: Deadline
) -> None:
    arn, version = vault.create("portal", PAIR)
    made = fails("put_secret_value", refusal("ThrottlingException"), times=2)
    vault.reserve(arn, version, deadline)
    assert made == [3]


def test_save_over_the_quota_of_versions_is_not_retried_for_ten_minutes(
    vault: Vault, fails: Callable[..., list[int]], clock: ManualClock, deadline: Deadline
) -> None:
    arn, former = vault.create("portal", PAIR)
    version = str(uuid.uuid4())
    made = fails("put_secret_value", OVER_QUOTA, times=1)
    with pytest.raises(StoreUnavailable):
        vault.save(arn, version, NEXT, deadline, former=former)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            vault.read(arn, version)
        assert vault.only_copies() == []
    assert made == [1]
    clock.advance(601)
    assert [(copy.version, copy.former) for copy in vault.only_copies()] == [(version, former)]
    assert vault.read(arn, version) == NEXT
    assert made == [2]


# -- unsaved versions --------------------------------------------------------------------------------------------------


def test_unsaved_version_is_returned_at_intervals_until_it_is_saved(
    vault: Vault, fails: Callable[..., list[int]], clock: ManualClock, deadline: Deadline
) -> None:
    arn, former = vault.create("portal", PAIR)
    version = str(uuid.uuid4())
    made = fails("put_secret_value", NO_ANSWER, times=40)
    with pytest.raises(StoreUnavailable):
        vault.save(arn, version, NEXT, deadline, former=former)
    assert vault.only_copies() == []
    clock.advance(6)
    (copy,) = vault.only_copies()
    assert (copy.arn, copy.version, copy.former, copy.fields) == (arn, version, former, NEXT)
    assert not any(secret in repr(copy) for secret in NEXT.values())
    made[0] = 40
    vault.read(arn, version)
    assert vault.only_copies() == []
    assert not vault.unsaved(arn, version)


def test_dropped_version_is_no_longer_returned(
    vault: Vault, fails: Callable[..., list[int]], clock: ManualClock, deadline: Deadline
) -> None:
    arn, former = vault.create("portal", PAIR)
    version = str(uuid.uuid4())
    fails("put_secret_value", NO_ANSWER)
    with pytest.raises(StoreUnavailable):
        vault.save(arn, version, NEXT, deadline, former=former)
    vault.drop(arn, version)
    clock.advance(6)
    assert vault.only_copies() == []
    assert not vault.unsaved(arn, version)


def test_number_of_unsaved_versions_is_bounded(
    vault: Vault, fails: Callable[..., list[int]], clock: ManualClock
) -> None:
    fails("put_secret_value", OVER_QUOTA)
    for number in range(510):
        with pytest.raises(StoreUnavailable):
            vault.save(f"arn{number}", "v", PAIR, Deadline.after(0, clock))
    clock.advance(601)
    assert len(vault.only_copies()) == 500
    assert vault.unsaved("arn509", "v")


# -- wiping ------------------------------------------------------------------------------------------------------------


def test_secret_is_overwritten_before_it_is_deleted(
    stores: Stores, vault: Vault, fails: Callable[..., list[int]]
) -> None:
    arn, _ = vault.create("portal", PAIR)
    fails("delete_secret", NO_ANSWER, times=1)
    with pytest.raises(StoreUnavailable):
        vault.wipe(arn)
    current = stores.secrets.get_secret_value(SecretId=arn)["SecretString"]
    assert not any(secret in current for secret in PAIR.values())
    vault.wipe(arn)
    with pytest.raises(stores.secrets.exceptions.ResourceNotFoundException):
        stores.secrets.describe_secret(SecretId=arn)


def test_wiping_a_deleted_secret_raises_nothing(vault: Vault) -> None:
    arn, _ = vault.create("portal", PAIR)
    for _ in range(2):
        vault.wipe(arn)


# -- redaction ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["created", "saved", "unsaved", "read"])
def test_every_stored_or_read_secret_is_registered_with_the_redactor_and_public_fields_are_not(
    vault: Vault, elsewhere: Vault, redactor: Redactor, fails: Callable[..., list[int]], deadline: Deadline, how: str
) -> None:
    fields = {"client_secret": "cl13nt-s3cr3t-of-ours", "server": "oauth.bitrix.info", "client_id": "local.123"}
    version = str(uuid.uuid4())
    if how == "created":
        vault.create("application", fields)
    elif how == "read":
        assert vault.read(*elsewhere.create("application", fields)) == fields
    else:
        arn, _ = elsewhere.create("application", {})
        if how == "unsaved":
            fails("put_secret_value", NO_ANSWER)
            with pytest.raises(StoreUnavailable):
                vault.save(arn, version, fields, deadline)
        else:
            vault.save(arn, version, fields, deadline)
    assert redactor.clean(" ".join(fields.values())) == f"{MASK} oauth.bitrix.info local.123"
