"""What a function's answer to a batch means, by Lambda's own rules."""

import pytest

from local.aws.queue_poller import failed, sqs_event

SENT = ["a", "b", "c"]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_answer_without_failures_is_success(answer: object) -> None:
    assert failed(answer, SENT) == frozenset()


def test_only_named_messages_have_failed() -> None:
    assert failed({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "c"}]}, SENT) == {"a", "c"}


@pytest.mark.parametrize(
    "answer",
    [
        "ok",
        [],
        {"batchItemFailures": "a"},
        {"batchItemFailures": ["a"]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": ["a"]}]},
        {"batchItemFailures": [{"itemId": "a"}]},
        {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "of another batch"}]},
    ],
)
def test_invalid_answer_fails_the_whole_batch(answer: object) -> None:
    assert failed(answer, SENT) == set(SENT)


def test_sqs_event_has_lambdas_fields_for_a_message() -> None:
    message = {
        "MessageId": "1",
        "ReceiptHandle": "handle",
        "Body": "{}",
        "MD5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
        "Attributes": {"ApproximateReceiveCount": "2"},
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "join"}},
    }

    assert sqs_event([message], "Work") == {  # type: ignore[list-item]  # the stubs' dictionary has a type of its own
        "Records": [
            {
                "messageId": "1",
                "receiptHandle": "handle",
                "body": "{}",
                "attributes": {"ApproximateReceiveCount": "2"},
                "messageAttributes": {
                    "kind": {
                        "stringValue": "join",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "String",
                    }
                },
                "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:Work",
                "awsRegion": "us-east-1",
            }
        ]
    }
