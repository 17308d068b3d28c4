"""Queues of the local run: messages are processed, failed ones are received again, and end as dead letters."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chat_lookup.clock import SystemClock
from chat_lookup.events.queue import QueuedMessage
from local.aws.queue_poller import EventSources
from tests.support.events.queue_scene import Noted, Scene, scene
from tests.support.processes.waiting import until

Work = Callable[[Any], object]
RECEIVERS = 8


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as found:
        yield found


@contextmanager
def working(stores: Scene, work: Work) -> Iterator[EventSources]:
    """The worker as a function of an event."""
    sources = EventSources(stores.template.sources, stores.aws, lambda _, event: work(event))
    sources.start()
    try:
        yield sources
    finally:
        sources.stop()


def bodies(event: Any) -> list[str]:
    return [record["body"] for record in event["Records"]]


def test_message_reaches_the_function_in_lambdas_form_and_is_deleted(stores: Scene) -> None:
    seen = Noted()
    stores.send("one")
    with working(stores, seen.add):
        (event,) = seen.until(1)
        until(lambda: stores.left(stores.work) == 0)

    (record,) = event["Records"]  # type: ignore[index]
    assert (record["body"], record["eventSource"], record["awsRegion"]) == ("one", "aws:sqs", "us-east-1")
    assert record["eventSourceARN"].endswith(f":{stores.work}")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"].keys() >= {"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"}
    assert record["messageId"]
    assert record["receiptHandle"]
    assert len(record["md5OfBody"]) == 32


def test_message_keeps_its_group_and_its_attributes_and_is_delivered_after_its_delay(stores: Scene) -> None:
    seen, sent = Noted(), SystemClock().now()
    stores.sqs.send_message(
        QueueUrl=stores.aws.queue_url(stores.work),
        MessageBody="again",
        MessageGroupId="d41d8cd98f00b204e9800998ecf8427e",
        MessageAttributes={"hop": {"DataType": "Number", "StringValue": "2"}},
        DelaySeconds=1,
    )
    with working(stores, seen.add):
        (event,) = seen.until(1)

    assert SystemClock().now() - sent >= 1
    (record,) = event["Records"]  # type: ignore[index]
    assert record["attributes"]["MessageGroupId"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert QueuedMessage.received(record).hop == 2


def test_message_that_arrives_while_the_source_waits_is_received_at_once(stores: Scene) -> None:
    seen = Noted()
    with working(stores, seen.add):
        stores.send("first")
        seen.until(1)
        stores.send("second")
        seen.until(2)


def test_source_is_no_waiting_receiver_from_the_moment_in_which_it_gets_a_message_to_the_end_of_its_work(
    stores: Scene,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(_: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    with working(stores, work):
        until(lambda: stores.aws.receivers == 1)
        stores.send("one")
        assert begun.wait(20)
        assert stores.aws.receivers == 0
        go_on.set()
        until(lambda: stores.aws.receivers == 1)
        assert stores.left(stores.work) == 0


def test_batch_is_not_larger_than_the_templates_batch_size(tmp_path: Path) -> None:
    seen = Noted()
    with scene(tmp_path, batch=3) as stores:
        stores.send(*"abcdefg")
        with working(stores, lambda event: seen.add(*bodies(event), len(bodies(event)))):
            until(lambda: stores.left(stores.work) == 0)

    assert max(each for each in seen.things if isinstance(each, int)) <= 3
    assert {each for each in seen.things if isinstance(each, str)} == set("abcdefg")


def test_only_messages_reported_as_failed_stay(stores: Scene) -> None:
    def work(event: Any) -> object:
        failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    stores.send("good", "bad", "good")
    with working(stores, work):
        until(lambda: stores.left(stores.work) == 1)


def test_function_that_raises_fails_the_whole_batch(stores: Scene) -> None:
    seen = Noted()

    def work(event: Any) -> object:
        seen.add(*bodies(event))
        raise RuntimeError("broken")

    stores.send("a", "b")
    with working(stores, work):
        seen.until(2)

    assert stores.left(stores.work) == 2


def test_message_that_fails_five_times_goes_to_the_dead_letter_queue(tmp_path: Path) -> None:
    tries = Noted()

    def work(event: Any) -> object:
        (record,) = event["Records"]
        tries.add(int(record["attributes"]["ApproximateReceiveCount"]))
        raise RuntimeError("broken")

    with scene(tmp_path, visibility=0) as stores:
        stores.send("never")
        with working(stores, work):
            tries.until(5)
            until(lambda: stores.left(stores.dead) == 1)

        assert tries.things == [1, 2, 3, 4, 5]
        assert [message["Body"] for message in stores.received(stores.dead)] == ["never"]
        assert stores.left(stores.work) == 0


def test_message_is_received_again_when_its_visibility_timeout_ends(stores: Scene) -> None:
    stores.send("again")
    (message,) = stores.received(stores.work)
    url = stores.aws.queue_url(stores.work)
    stores.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)

    (again,) = stores.received(stores.work, wait_s=5)
    assert again["MessageId"] == message["MessageId"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_waiting_receive_does_not_block_a_send(stores: Scene) -> None:
    with ThreadPoolExecutor(1) as waiting:
        received = waiting.submit(stores.received, stores.work, 20)
        stores.send("here")

        assert [message["Body"] for message in received.result(timeout=10)] == ["here"]


@pytest.mark.usefixtures("often_interrupted")
def test_each_message_goes_to_one_of_many_receivers(stores: Scene) -> None:
    numbers = [str(number) for number in range(120)]

    def receive(_: int) -> list[str]:
        return [message["Body"] for message in stores.received(stores.work)]

    with ThreadPoolExecutor(RECEIVERS) as threads:
        list(threads.map(stores.send, numbers))
        received = [body for found in threads.map(receive, range(len(numbers) // 5)) for body in found]

    assert sorted(received) == sorted(numbers)


def test_waiting_source_stops_at_once(stores: Scene) -> None:
    seen = Noted()
    with working(stores, seen.add) as sources:
        stores.send("awake")
        seen.until(1)
        sources.stop()

    assert not [thread for thread in threading.enumerate() if thread.name == f"source {stores.work}"]


def test_deleted_and_recreated_queue_is_read_again(stores: Scene) -> None:
    seen = Noted()
    with working(stores, seen.add):
        stores.sqs.delete_queue(QueueUrl=stores.aws.queue_url(stores.work))
        stores.sqs.create_queue(QueueName=stores.work)
        stores.send("back")
        seen.until(1)


def test_two_stores_in_one_process_empty_their_own_queues_only(stores: Scene, tmp_path: Path) -> None:
    with scene(tmp_path) as others:
        others.send("theirs")
        stores.send("ours")
        stores.aws.empty_queues()

        assert (stores.left(stores.work), others.left(others.work)) == (0, 1)
