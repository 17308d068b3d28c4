"""DynamoDB's client as one process sees it: requests that fail, answers that are lost; and a count of the requests."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError, EndpointConnectionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_READS: Final = frozenset({"get_item", "batch_get_item", "query", "scan"})
_WRITES: Final = frozenset({"put_item", "update_item", "delete_item"})


class FaultyDynamoDB:
    """Passes requests on. Those in `down` fail before the commit, those in `lost` after it; those in `ends` raise the
    given exception in their caller.

    With `repeats`, the first response to each write is lost, and botocore repeats the request as it always does.
    """

    def __init__(self, dynamodb: "DynamoDBClient", *, repeats: bool = False) -> None:
        self.down: set[str] = set()
        self.lost: set[str] = set()
        self.ends: dict[str, BaseException] = {}
        self._repeats = repeats
        self._dynamodb = dynamodb
        self._made: Counter[str] = Counter()

    @property
    def client(self) -> "DynamoDBClient":
        return cast("DynamoDBClient", self)

    @property
    def reads(self) -> int:
        """The number of requests that read, each once however often botocore repeated it."""
        return sum(self._made[name] for name in _READS)

    @property
    def writes(self) -> int:
        return sum(self._made[name] for name in _WRITES)

    def __getattr__(self, name: str) -> Callable[..., object]:
        def act(**given: Any) -> object:
            self._made[name] += 1
            if name in self.ends:
                raise self.ends[name]
            if name in self.down:
                raise EndpointConnectionError(endpoint_url="https://dynamodb.example")
            if self._repeats and name in _WRITES:
                with suppress(ClientError):
                    getattr(self._dynamodb, name)(**given)
            answer = getattr(self._dynamodb, name)(**given)
            if name in self.lost:
                raise EndpointConnectionError(endpoint_url="https://dynamodb.example")
            return answer

        return act
