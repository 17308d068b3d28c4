"""A failed call of a portal: one exception, classified by the table (bitrix24.md 7.2, design 6)."""

import re
from enum import StrEnum
from typing import Final

from chat_lookup.bitrix24.error_table import OPERATION_TIME_LIMIT, OTHER, ROWS, ErrorClass, ErrorRow, Where, belongs

__all__ = ["METRIC_CODES", "ROWS", "BitrixError", "ErrorClass", "ErrorRow", "Where", "classify"]

METRIC_CODES: Final[frozenset[str]] = frozenset(row.code for row in ROWS)
"""Every value that the metric dimension `code` may take; `OTHER` among them."""

_LONGEST_CODE: Final = 64
_LONGEST_DESCRIPTION: Final = 500

_TOKENS_ONLY: Final = frozenset({ErrorClass.REFRESH, ErrorClass.REAUTHORISE})
_METHODS_ONLY: Final = frozenset({ErrorClass.REFRESH, ErrorClass.OBJECT, ErrorClass.CALLER, ErrorClass.NOT_FOUND})

_PLAN_ENDED: Final = r"(?i)licen[sc]e|portal_blocked|payment|subscription|tariff"
"""An undocumented code with one of these words in it is about the portal's plan, like PAYMENT_REQUIRED."""
_ACCESS_DENIED: Final = "ACCESS_DENIED"
_NO_RIGHTS: Final = "INVALID_CREDENTIALS"
"""Of a webhook: blocked, deleted, or of another secret (bitrix24.md 7.1, NO_AUTH_FOUND)."""
_NO_USER: Final = r"(?i)can.{0,5}t be authori[sz]ed"
"""ACCESS_DENIED with such a text is about the user of the grant, not about the plan: the one code whose text counts
(bitrix24.md 7.0). "Current user can't be authorized in this context", with the apostrophe as HTML, too."""


class NoConnection(StrEnum):
    """Why there was no connection to a host."""

    UNKNOWN_HOST = "unknown host"
    NO_NAME_SERVER = "no answer of a name server"
    REFUSED = "connection refused"
    NO_WAY = "no way to the address"
    TIMED_OUT = "no connection in time"
    NOT_TRUSTED = "certificate not trusted"
    NOT_VALID_NOW = "certificate not valid now"
    OTHER_HOST = "certificate of another host"
    NO_TLS = "no TLS"


BY_CERTIFICATE: Final = frozenset({NoConnection.NOT_TRUSTED, NoConnection.NOT_VALID_NOW, NoConnection.OTHER_HOST})
"""An administrator has to act: the same request fails in some minutes, too."""


def _by_code() -> dict[str, list[ErrorRow]]:
    index: dict[str, list[ErrorRow]] = {}
    for row in ROWS:
        index.setdefault(row.code.casefold(), []).append(row)
    return index


_BY_CODE: Final = _by_code()


def classify(method: str, code: str, status: int) -> ErrorRow:
    """The row for an error that `method` answered with `code` under an HTTP `status` (0: none).

    Codes are compared folded, in the narrowest family that has them; the status decides only between rows of one
    code, and for codes that no row has (`OTHER`). Total: there is a row for everything.
    """
    method = method.casefold()
    known = [row for row in _BY_CODE.get(code.strip().casefold() or "empty", ()) if row.covers(method)]
    others = [row for row in _BY_CODE["other"] if row.covers(method)]
    return min(known or others, key=lambda row: _mismatch(row, status))


def _class_of(row: ErrorRow, code: str, description: str) -> ErrorClass:
    """The row's class, except where the words of the code or the text decide."""
    if row.code == OTHER and re.search(_PLAN_ENDED, code):
        return ErrorClass.PORTAL
    if row.code == _ACCESS_DENIED and row.error_class is ErrorClass.PORTAL and re.search(_NO_USER, description):
        return ErrorClass.REAUTHORISE
    return row.error_class


def _mismatch(row: ErrorRow, status: int) -> int:
    if status in row.statuses:
        return 0
    return 2 if row.statuses else 1


class BitrixError(Exception):
    """A call without a result: the portal's error, or why there was no reply.

    `code` is the portal's own, as sent (at most 64 characters), or the name of a row of ours; `metric_code` is one of
    `METRIC_CODES`; `status` is HTTP's, 0 where there was none; `description` is for the log only; `reset_at` is the
    Unix time at which an operating budget is freed, if the portal named it (bitrix24.md 6.2), and `retry_at` the one
    before which it must not be called again (`Retry-After`). `unreached`: no connection was made, so the request was
    not carried out. `too_many`: the portal refused the request for the number of requests, in any form, so it was not
    carried out either (bitrix24.md 6.1, 7.2). `host` was called, and `connection` is why there was none.
    `bad_webhook`: the portal does not accept the webhook's code.

    An error that makes no sense in its place is classified as configuration. With `webhook=True` that is a bad token:
    there is nothing to refresh or to grant again. From the authorisation server it is any error about a method's call.
    """

    def __init__(
        self,
        code: str,
        status: int = 0,
        *,
        method: str = "",
        description: str = "",
        reset_at: float | None = None,
        webhook: bool = False,
        unreached: bool = False,
        retry_at: float | None = None,
        host: str = "",
        connection: NoConnection | None = None,
    ) -> None:
        row = classify(method, code, status)
        self.code = code[:_LONGEST_CODE]
        self.metric_code = row.code
        self.status = status
        error_class = _class_of(row, code, description)
        self.error_class = ErrorClass.CONFIG if error_class in _senseless(method, webhook) else error_class
        self.description = description[:_LONGEST_DESCRIPTION]
        self.reset_at = reset_at
        self.retry_at = retry_at
        # The other limit is on one method's seconds, and affects no other request (6.2).
        self.too_many = self.error_class is ErrorClass.LIMIT and row.code != OPERATION_TIME_LIMIT
        self.unreached = unreached
        self.host = host
        self.connection = connection
        self.bad_webhook = webhook and (error_class in _TOKENS_ONLY or row.code == _NO_RIGHTS)
        super().__init__(f"{self.metric_code}, status {status}: {row.meaning}")


def _senseless(method: str, webhook: bool) -> frozenset[ErrorClass]:
    if belongs(method.casefold(), Where.AUTH_SERVER):
        return _METHODS_ONLY
    return _TOKENS_ONLY if webhook else frozenset()
