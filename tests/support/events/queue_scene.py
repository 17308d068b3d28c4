"""Stores with queues of a test's own template, and the test's own functions behind them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from local.aws.embedded import EmbeddedAws
from local.template.reader import Template
from tests.support.processes.waiting import LONGEST_S

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

REGION = "eu-west-3"
TEMPLATE = """
Globals: {{Function: {{Handler: app.handler, AutoPublishAlias: live}}}}
Resources:
  Work{number}:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: {visibility}
      RedrivePolicy: {{deadLetterTargetArn: !GetAtt Dead{number}.Arn, maxReceiveCount: 5}}
  Dead{number}:
    Type: AWS::SQS::Queue
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: worker
      EventInvokeConfig:
        DestinationConfig: {{OnFailure: {{Type: SQS, Destination: !GetAtt Dead{number}.Arn}}}}
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Work{number}.Arn
            BatchSize: {batch}
            FunctionResponseTypes: [ReportBatchItemFailures]
"""
_numbers = count()


@dataclass
class Scene:
    """The stores, and the queue that messages arrive in."""

    aws: EmbeddedAws
    template: Template
    work: str
    dead: str
    sqs: "SQSClient" = field(init=False)

    def __post_init__(self) -> None:
        self.sqs = self.aws.sqs()

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.aws.queue_url(self.work), MessageBody=body)

    def received(self, queue: str, wait_s: int = 0) -> "list[MessageTypeDef]":
        answer = self.sqs.receive_message(
            QueueUrl=self.aws.queue_url(queue),
            MaxNumberOfMessages=10,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def left(self, queue: str) -> int:
        return self.aws.left(queue)


@contextmanager
def scene(folder: Path, visibility: int = 30, batch: int = 10) -> Iterator[Scene]:
    number = next(_numbers)  # moto keeps queues by name, whichever stores made them
    path = folder / f"template-{number}.yaml"
    path.write_text(TEMPLATE.format(number=number, visibility=visibility, batch=batch))
    template = Template.load(path)
    aws = EmbeddedAws(template, region=REGION)
    aws.start()
    try:
        yield Scene(aws, template, f"Work{number}", f"Dead{number}")
    finally:
        aws.stop()


@dataclass
class Noted:
    """The processed items, in order; `until` waits for a number of them."""

    things: list[object] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, *things: object) -> None:
        with self._changed:
            self.things += things
            self._changed.notify_all()

    def until(self, number: int) -> list[object]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.things) >= number, LONGEST_S), self.things
            return list(self.things)
