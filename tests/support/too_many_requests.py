"""The forms in which a server replies "too many requests" or "not now", as faults of the local portal."""

from typing import Final

PAGE: Final = "<html><head><title>Slow down</title></head></html>"
TOO_MANY: Final[dict[str, dict[str, object]]] = {
    "429 with a page": {"status": 429, "body": PAGE},
    "429 with nothing": {"status": 429, "body": ""},
    "429 with JSON of another kind": {"status": 429, "body": {"message": "rate limited"}},
    "429 with a code that no document has": {"status": 429, "error": "RATE_LIMITED"},
    "429 with an empty code": {"status": 429, "error": ""},
    "429 with a legacy code": {"status": 429, "error": "0"},
    "QUERY_LIMIT_EXCEEDED under 429": {"status": 429, "error": "QUERY_LIMIT_EXCEEDED"},
    "QUERY_LIMIT_EXCEEDED under 503": {"status": 503, "error": "QUERY_LIMIT_EXCEEDED"},
}
"""429 `portal-busy` for the caller, with or without a `Retry-After` of the portal."""
NOT_NOW: Final[dict[str, dict[str, object]]] = {
    "503 with a page": {"status": 503, "body": PAGE},
    "503 with nothing": {"status": 503, "body": ""},
    "503 with a code that no document has": {"status": 503, "error": "MAINTENANCE"},
    "502 with a page": {"status": 502, "body": PAGE},
}
"""503 `portal-unavailable`; the portal is not called until its `Retry-After`, if it sends one."""
FORMS: Final = TOO_MANY | NOT_NOW
