"""Fixtures of the unit tests."""

from tests.support.in_process_fixtures import (
    another_process,
    bitrix24,
    booted,
    clock,
    moto,
    moto_stores,
    no_network,
    portal,
    server,
    service,
    settled,
    stores,
)

__all__ = [
    "another_process", "bitrix24", "booted", "clock", "moto", "moto_stores", "no_network", "portal", "server",
    "service", "settled", "stores",
]  # fmt: skip
