"""A Bitrix24 portal on this machine that behaves as the documents say (design 3.6, bitrix24.md)."""

from local.portal.server import LocalPortal

__all__ = ["LocalPortal"]
