"""A Bitrix24 portal on this machine that behaves as the documents say (design 3.6, bitrix24.md)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.portal.server import LocalPortal

__all__ = ["LocalPortal"]


def __getattr__(name: str) -> Any:
    """Imports the server only when it is asked for: `python -m local.portal` runs this module first, and shall have its
    handlers of signals before anything that takes a while."""
    if name != "LocalPortal":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from local.portal.server import LocalPortal  # noqa: PLC0415 - see above

    return LocalPortal
