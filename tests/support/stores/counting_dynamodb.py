"""DynamoDB's client with a count of the requests that a process makes."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class CountingDynamoDB:
    """Passes on and counts; with `repeats`, each write is sent twice, as botocore does after its answer was lost."""

    def __init__(self, dynamodb: "DynamoDBClient", *, repeats: bool = False) -> None:
        self._dynamodb = dynamodb
        self._repeats = repeats
        self.writes = self.reads = 0

    @property
    def client(self) -> "DynamoDBClient":
        return cast("DynamoDBClient", self)

    def get_item(self, **arguments: Any) -> object:
        self.reads += 1
        return self._dynamodb.get_item(**arguments)

    def update_item(self, **arguments: Any) -> object:
        self.writes += 1
        if self._repeats:
            self._dynamodb.update_item(**arguments)
        return self._dynamodb.update_item(**arguments)
