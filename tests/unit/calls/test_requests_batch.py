"""Many calls in one request: one slot of the pace, an outcome for each, and each outcome is used."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from chat_lookup.bitrix24.batch import BatchOutcome
from chat_lookup.bitrix24.client import Answer, Command, OperatingTime
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBlocked, PortalReauthorise
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import PortalState
from tests.support.fakes import WEBHOOK_URL, FakeAuthorisationServer, FakeBitrix24, ManualClock, Output, Stores
from tests.support.in_process_service import Service, install
from tests.support.tokens.renewal_scene import FIRST_ACCESS, Renewing, build

READ = "im.chat.get"


def pairs(*ids: int, method: str = READ) -> list[Command]:
    return [Command(method, {"ENTITY_TYPE": "CRM", "ENTITY_ID": f"DEAL|{each}"}) for each in ids]


def results_of(outcomes: Sequence[BatchOutcome]) -> list[object]:
    """Results, and the codes of errors."""
    return [each.result if isinstance(each, Answer) else each and each.metric_code for each in outcomes]


def by_id(code_of: Callable[[int], str]) -> Callable[[Mapping[str, object]], object]:
    """Returns a thousand times the number of a deal, or raises the error code of that deal."""

    def reply(params: Mapping[str, object]) -> object:
        number = int(str(params["ENTITY_ID"]).removeprefix("DEAL|"))
        if code := code_of(number):
            raise BitrixError(code, 200, method=READ)
        return 1000 * number

    return reply


BatchRequest = Callable[..., list[object]]


@pytest.fixture
def batch(service: Service, output: Output) -> BatchRequest:
    del output
    portal = install(service)

    def make(commands: list[Command], seconds: float = 25) -> list[object]:
        with service.telemetry.invocation("test"):
            return results_of(service.calls.batch(portal, commands, Deadline.after(seconds, service.clock)))

    return make


def test_each_call_has_its_outcome_in_its_place(batch: BatchRequest, bitrix24: FakeBitrix24, output: Output) -> None:
    bitrix24.answers_by(READ, by_id(lambda number: "ACCESS_ERROR" if number == 2 else ""))
    assert batch(pairs(1, 2, 3)) == [1000, "ACCESS_ERROR", 3000]
    assert bitrix24.methods == ["batch"]
    assert output.metric("PortalCalls", method="batch") == 1
    assert output.metric("PortalErrors", code="ACCESS_ERROR") == 1


def test_a_batch_takes_one_slot(service: Service, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    portal = install(service, rate=0.5, burst=1)
    bitrix24.answers(READ, 7)
    for _ in range(2):
        service.calls.batch(portal, pairs(*range(50)), Deadline.after(25, clock))
    first, second = (called.at for called in bitrix24.calls)
    assert second - first == pytest.approx(2, abs=0.01)


def test_methods_of_a_bot_get_its_token_in_a_batch_too(service: Service, bitrix24: FakeBitrix24) -> None:
    arn, version = service.tokens.keep_webhook(WEBHOOK_URL, "b0tt0ken-b0tt0ken")
    portal = install(service, secret_arn=arn, token_version=version)
    bitrix24.answers(READ, None)
    bitrix24.answers_by("imbot.v2.Chat.get", lambda params: params["botToken"])
    commands = [*pairs(1), Command("imbot.v2.Chat.get", {"dialogId": "chat7"})]
    outcomes = service.calls.batch(portal, commands, Deadline.after(25, service.clock))
    assert results_of(outcomes) == [None, "b0tt0ken-b0tt0ken"]


# -- failures ----------------------------------------------------------------------------------------------------------


def test_batch_of_reads_is_retried_after_temporary_failures(batch: BatchRequest, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(READ, 7)
    errors = iter([BitrixError("TRANSPORT"), BitrixError("HTTP_5XX", 502)])

    def reply(_: Mapping[str, object]) -> object:
        for error in errors:
            raise error
        return None

    bitrix24.answers_by("batch", reply)
    assert batch(pairs(1, 2)) == [7, 7]
    assert len(bitrix24.calls) == 3


@pytest.mark.parametrize(
    ("code", "command"),
    [("TRANSPORT", Command("imbot.message.add", {})), ("TIMEOUT", Command(READ, {}))],
    ids=["a write in it", "too slow as it is"],
)
def test_batch_with_a_write_or_after_a_timeout_is_not_retried(
    batch: BatchRequest, bitrix24: FakeBitrix24, code: str, command: Command
) -> None:
    bitrix24.fails("batch", code, 0)
    with pytest.raises(BitrixError, match=code):
        batch([*pairs(1), command])
    assert len(bitrix24.calls) == 1


@pytest.mark.parametrize("code", ["OVERLOAD_LIMIT", "PORTAL_DELETED", "ACCESS_DENIED"])
@pytest.mark.parametrize("whole", [True, False], ids=["the batch", "a call in it"])
def test_portal_that_blocks_the_service_in_a_batch_is_not_called_again(
    batch: BatchRequest, bitrix24: FakeBitrix24, code: str, whole: bool
) -> None:
    bitrix24.fails("profile", code, 403)
    if whole:
        bitrix24.fails("batch", code, 403)
        with pytest.raises(BitrixError, match=code):
            batch(pairs(1))
    else:
        bitrix24.answers_by(READ, by_id(lambda number: code if number == 1 else ""))
        assert batch(pairs(1, 2)) == [code, 2000]
    with pytest.raises(PortalBlocked):
        batch(pairs(3))
    assert bitrix24.methods == ["batch", "profile"]


@pytest.mark.parametrize("code", ["OVERLOAD_LIMIT", "ACCESS_DENIED", "PAYMENT_REQUIRED", "authorization_error"])
@pytest.mark.parametrize("whole", [True, False], ids=["the batch", "a call in it"])
def test_one_sign_in_a_batch_closes_nothing(
    batch: BatchRequest, bitrix24: FakeBitrix24, code: str, whole: bool
) -> None:
    bitrix24.answers_by(READ, by_id(lambda number: code if number == 1 and not whole else ""))
    if whole:
        bitrix24.fails("batch", code, 403)
        with pytest.raises(BitrixError, match=code):
            batch(pairs(1))
        bitrix24.answers("batch", {})
    else:
        assert batch(pairs(1, 2)) == [code, 2000]
    assert batch(pairs(3)) == [3000]


# -- operating time ----------------------------------------------------------------------------------------------------


def test_stopped_method_is_left_out_of_a_batch_and_the_others_are_sent(
    batch: BatchRequest, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers_by(READ, by_id(lambda number: "OPERATION_TIME_LIMIT" if number > 1 else ""))
    bitrix24.answers("imbot.chat.get", 8)
    assert batch(pairs(1, 2, 3)) == [1000, "OPERATION_TIME_LIMIT", "OPERATION_TIME_LIMIT"]
    assert batch([*pairs(4), *pairs(5, method="imbot.chat.get")]) == ["OPERATION_TIME_LIMIT", 8]
    sent = bitrix24.calls[-1].params["cmd"]
    assert isinstance(sent, list)
    assert [command.method for command in sent] == ["imbot.chat.get"]
    assert batch(pairs(6, 7)) == ["OPERATION_TIME_LIMIT", "OPERATION_TIME_LIMIT"]
    assert len(bitrix24.calls) == 2


def test_batch_that_is_itself_out_of_operating_time_is_stopped_as_a_whole(
    batch: BatchRequest, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("batch", "OPERATION_TIME_LIMIT", 429)
    for _ in range(2):
        with pytest.raises(BitrixError, match="OPERATION_TIME_LIMIT"):
            batch(pairs(1))
    assert len(bitrix24.calls) == 1


def test_cost_of_the_calls_is_noted_in_the_budget(service: Service, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    portal = install(service)
    before = service.operating.budget(portal.member_id, READ).left
    bitrix24.answers(READ, 7)
    bitrix24.time = OperatingTime(operating=100.0, reset_at=clock.now() + 500, duration=0.1)
    service.calls.batch(portal, pairs(1, 2), Deadline.after(25, clock))
    for method in (READ, "batch"):
        assert service.operating.budget(portal.member_id, method).left == pytest.approx(before - 100)


# -- tokens ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def process(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: Telemetry) -> Renewing:
    return build(stores, clock, bitrix24, FakeAuthorisationServer(clock), telemetry)


def refusing_tokens(bitrix24: FakeBitrix24, code: str, *, of: Callable[[int], bool], good: str) -> None:
    """Have the portal refuse some deals, and its profile, unless the token is the one that is good."""

    def profile(_: Mapping[str, object]) -> object:
        if bitrix24.calls[-1].endpoint.auth != good:
            raise BitrixError(code, 401, method="profile")
        return {"ID": "1"}

    bitrix24.answers_by("profile", profile)
    bitrix24.answers_by(
        READ, by_id(lambda number: code if of(number) and bitrix24.calls[-1].endpoint.auth != good else "")
    )


def test_calls_refused_for_the_token_are_retried_with_the_next_one(process: Renewing, bitrix24: FakeBitrix24) -> None:
    portal = process.install()
    refusing_tokens(bitrix24, "expired_token", of=lambda number: number > 1, good="issued-access-token-1")
    outcomes = process.calls.batch(portal, pairs(1, 2, 3), Deadline.after(25, process.clock))
    assert results_of(outcomes) == [1000, 2000, 3000]
    assert [called.endpoint.auth for called in bitrix24.calls] == [FIRST_ACCESS, "issued-access-token-1"]
    again = bitrix24.calls[1].params["cmd"]
    assert isinstance(again, list)
    assert [command.params["ENTITY_ID"] for command in again] == ["DEAL|2", "DEAL|3"]


def test_calls_refused_with_the_next_token_too_keep_their_error_and_the_others_their_result(
    process: Renewing, bitrix24: FakeBitrix24
) -> None:
    portal = process.install()
    refusing_tokens(bitrix24, "expired_token", of=lambda number: number == 2, good="none")
    outcomes = process.calls.batch(portal, pairs(1, 2), Deadline.after(25, process.clock))
    assert results_of(outcomes) == [1000, "expired_token"]
    assert bitrix24.methods == ["batch", "batch", "profile"]
    assert process.record().state is PortalState.REFUSED


def test_grant_that_cannot_be_renewed_costs_only_the_refused_calls(process: Renewing, bitrix24: FakeBitrix24) -> None:
    portal = process.install()
    process.server.failure = BitrixError("HTTP_5XX", 502, method="oauth/token")
    refusing_tokens(bitrix24, "expired_token", of=lambda number: number == 2, good="none")
    outcomes = process.calls.batch(portal, pairs(1, 2), Deadline.after(25, process.clock))
    assert results_of(outcomes) == [1000, "expired_token"]


def test_dead_grant_that_one_call_reports_marks_the_portal(process: Renewing, bitrix24: FakeBitrix24) -> None:
    portal = process.install()
    refusing_tokens(bitrix24, "authorization_error", of=lambda _: True, good="none")
    outcomes = process.calls.batch(portal, pairs(1), Deadline.after(25, process.clock))
    assert results_of(outcomes) == ["authorization_error"]
    with pytest.raises(PortalReauthorise):
        process.portals.get(portal.member_id)


def test_batch_refused_for_the_token_as_a_whole_is_retried(process: Renewing, bitrix24: FakeBitrix24) -> None:
    portal = process.install()

    def reply(_: Mapping[str, object]) -> object:
        if bitrix24.calls[-1].endpoint.auth == FIRST_ACCESS:
            raise BitrixError("expired_token", 401, method="batch")
        return None

    bitrix24.answers_by("batch", reply)
    bitrix24.answers(READ, 7)
    assert results_of(process.calls.batch(portal, pairs(1, 2), Deadline.after(25, process.clock))) == [7, 7]
    assert len(bitrix24.calls) == 2
