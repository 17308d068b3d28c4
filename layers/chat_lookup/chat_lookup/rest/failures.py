"""What fails on the way to a result, the portal's, the stores' and our own errors, as one refusal each."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Clock
from chat_lookup.errors import ChatLookupError, StoreUnavailable
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import for_caller
from chat_lookup.rest.errors import Refusal, refusal

FAILURES: Final = (ChatLookupError, BitrixError, ClientError, BotoCoreError)
"""All that may come of asking. In a batch each stays with its command, so that nothing done before is forgotten."""


class RestFailures:
    """Turns failures into refusals."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock

    def refusal(self, error: Exception) -> Refusal:
        """What is answered in place of a result."""
        if isinstance(error, BitrixError):
            error = for_caller(error, self._clock.now())
        elif not isinstance(error, ChatLookupError):
            self._telemetry.fault("a store failed", error)
            error = StoreUnavailable(retry_after=1)
        return refusal(error)
