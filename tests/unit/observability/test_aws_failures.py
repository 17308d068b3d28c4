"""The errors that callers get for a failure of AWS, the same for every service."""

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, NoCredentialsError, ReadTimeoutError

from chat_lookup.clock import Deadline, bound, bound_by
from chat_lookup.errors import ChatLookupError, DeadlineReached, ServiceMisconfigured, StoreUnavailable
from chat_lookup.observability.aws_failures import FAILED, OutOfTime, code_of, no_time_left, translated
from tests.support.fakes import ManualClock

URL = "https://dynamodb.example"


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "quotes what was sent"}}, "GetItem")


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId",
        "KMSAccessDeniedException", "KMS.AccessDeniedException", "KmsAccessDenied", "KMSDisabledException",
        "KMS.KMSInvalidStateException", "KMSInvalidStateException", "KMS.NotFoundException", "KmsNotFound",
        "EncryptionFailure", "DecryptionFailure", "InaccessibleEncryptionCredentialsException",
    ],
)  # fmt: skip
def test_failure_that_only_an_operator_can_end_is_a_misconfiguration(code: str) -> None:
    error = translated(refusal(code), "The service may not use its secrets in Secrets Manager")
    assert isinstance(error, ServiceMisconfigured)
    assert (error.status, error.detail) == (500, "The service may not use its secrets in Secrets Manager")
    assert isinstance(translated(NoCredentialsError()), ServiceMisconfigured)


@pytest.mark.parametrize(
    "error",
    [
        *map(refusal, ("ProvisionedThroughputExceededException", "ThrottlingException", "TransactionConflict", "")),
        *map(refusal, ("InternalServerError", "RequestExpired", "ResourceNotFoundException")),
        ReadTimeoutError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        BotoCoreError(),
    ],
    ids=code_of,
)  # fmt: skip
def test_transient_failure_is_an_unavailable_store(error: Exception) -> None:
    assert isinstance(error, FAILED)
    error = translated(error)
    assert (type(error), error.retry_after) == (StoreUnavailable, 1)
    assert "quotes" not in str(error) + code_of(error)


@pytest.mark.parametrize(
    ("in_aws", "elsewhere", "reason"),
    [
        (0.0, 0.0, DeadlineReached),
        (0.3, 0.0, DeadlineReached),
        (9.0, 1.0, StoreUnavailable),
        (5.0, 4.9, StoreUnavailable),
        (2.0, 7.0, DeadlineReached),
    ],
)
def test_lack_of_time_is_reported_with_what_used_the_time(
    in_aws: float, elsewhere: float, reason: type[ChatLookupError], clock: ManualClock
) -> None:
    with bound_by(Deadline.after(10, clock)):
        limit = bound()
        assert limit is not None
        limit.in_aws += in_aws
        clock.advance(in_aws + elsewhere)
        for error in (no_time_left(), translated(OutOfTime())):
            assert (type(error), error.retry_after) == (reason, 1)


def test_lack_of_time_outside_of_an_invocation_is_the_deadline() -> None:
    assert isinstance(no_time_left(), DeadlineReached)
