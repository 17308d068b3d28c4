"""Which failed calls may be retried, and after which pause (design 6)."""

from collections.abc import Callable
from typing import Final, NamedTuple

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass

READS: Final = frozenset(
    {
        "app.info", "crm.item.get", "event.get", "im.chat.get", "im.dialog.get", "im.user.get", "imbot.bot.list",
        "imbot.chat.get", "imbot.dialog.get", "imbot.v2.bot.list", "imbot.v2.chat.get", "imbot.v2.revision.get",
        "imopenlines.crm.chat.get", "imopenlines.crm.chat.getlastid", "imopenlines.dialog.get", "method.get", "profile",
        "scope", "tasks.task.get",
    }
)  # fmt: skip
"""Methods that change nothing, folded: a retry is safe even if the former attempt was carried out."""


class RetryPolicy(NamedTuple):
    """At most `attempts` attempts of one call, with pauses of full jitter between them.

    `random` returns numbers from 0 up to 1. Pauses are drawn from nothing up to a bound that begins at `base` seconds
    and doubles up to `cap`. Each attempt takes a slot of the rate limiter; the caller checks the time left.
    """

    random: Callable[[], float]
    attempts: int = 3
    base: float = 0.3
    cap: float = 3.0

    def may(self, error: BitrixError, method: str, attempt: int) -> bool:
        """Whether a call of `method` may be retried after its attempt number `attempt` (from 1) ended in `error`.

        Reads may after any error of the class RETRY; errors that only look like it, OVERLOAD_LIMIT or PORTAL_DELETED,
        have another class. Any method may once after a refusal for too many requests, in whatever form: that did
        nothing. A batch may if each method in it may.
        """
        if attempt >= self.attempts:
            return False
        if error.too_many:
            return attempt == 1
        return error.error_class is ErrorClass.RETRY and method.casefold() in READS

    def pause(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt`, besides the wait for a slot."""
        return self.random() * min(self.cap, self.base * 2.0 ** (attempt - 1))
