"""What went wrong between us and a portal: one exception, classified by the table (bitrix24.md 7.2, design 6)."""

from typing import Final

from chat_lookup.bitrix24.error_table import ROWS, ErrorClass, ErrorRow, Where, belongs

__all__ = ["METRIC_CODES", "ROWS", "BitrixError", "ErrorClass", "ErrorRow", "Where", "classify"]

METRIC_CODES: Final[frozenset[str]] = frozenset(row.code for row in ROWS)
"""Every value that the metric dimension `code` may take; `OTHER` among them."""

_LONGEST_CODE: Final = 64
_LONGEST_DESCRIPTION: Final = 500

_TOKENS_ONLY: Final = frozenset({ErrorClass.REFRESH, ErrorClass.REAUTHORISE})
_METHODS_ONLY: Final = frozenset({ErrorClass.REFRESH, ErrorClass.OBJECT, ErrorClass.CALLER, ErrorClass.NOT_FOUND})


def _by_code() -> dict[str, list[ErrorRow]]:
    index: dict[str, list[ErrorRow]] = {}
    for row in ROWS:
        index.setdefault(row.code.casefold(), []).append(row)
    return index


_BY_CODE: Final = _by_code()


def classify(method: str, code: str, status: int) -> ErrorRow:
    """The row for an error that `method` answered with `code` under an HTTP `status` (0: none).

    Codes are compared folded, in the narrowest family that knows them; the status decides only between rows of one
    code, and for codes that no row knows (`OTHER`). Total: there is a row for everything.
    """
    method = method.casefold()
    known = [row for row in _BY_CODE.get(code.strip().casefold() or "empty", ()) if row.covers(method)]
    return min(known or _BY_CODE["other"], key=lambda row: _mismatch(row, status))


def _mismatch(row: ErrorRow, status: int) -> int:
    if status in row.statuses:
        return 0
    return 2 if row.statuses else 1


class BitrixError(Exception):
    """A call that brought no result: what the portal said, or why it said nothing.

    `code` is the portal's own, as sent (at most 64 characters), or the name of a row of ours; `metric_code` is one of
    `METRIC_CODES`; `status` is HTTP's, 0 where there was none; `description` is for the log only; `reset_at` is the
    Unix time at which an operating budget is freed, if the portal named it (bitrix24.md 6.2). `unreached` says that no
    connection came about: whatever was asked, it was not done.

    What makes no sense where it was said is a matter of configuration. With `webhook=True` that is a bad token: there
    is nothing to refresh or to grant again. From the authorisation server it is whatever speaks of a method's call.
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
    ) -> None:
        row = classify(method, code, status)
        self.code = code[:_LONGEST_CODE]
        self.metric_code = row.code
        self.status = status
        self.error_class = ErrorClass.CONFIG if row.error_class in _senseless(method, webhook) else row.error_class
        self.description = description[:_LONGEST_DESCRIPTION]
        self.reset_at = reset_at
        self.unreached = unreached
        super().__init__(f"{self.metric_code}, status {status}: {row.meaning}")


def _senseless(method: str, webhook: bool) -> frozenset[ErrorClass]:
    if belongs(method.casefold(), Where.AUTH_SERVER):
        return _METHODS_ONLY
    return _TOKENS_ONLY if webhook else frozenset()
