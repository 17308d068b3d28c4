"""A private address stays private in every form of IPv6 that embeds it."""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.address_guard import is_public

PRIVATE: Final = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "0.0.0.0/8",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
WRAPPED: Final[Mapping[str, Callable[[int], int]]] = {
    "mapped": lambda v4: (0xFFFF << 32) | v4,
    "compatible": lambda v4: v4,
    "translated": lambda v4: (0xFFFF << 48) | v4,
    "6to4": lambda v4: (0x2002 << 112) | (v4 << 80) | 1,
    "NAT64": lambda v4: (0x64FF9B << 96) | v4,
    "NAT64 with a private prefix": lambda v4: (0x64FF9B << 96) | (1 << 80) | v4,
    "Teredo server": lambda v4: (0x20010000 << 96) | (v4 << 64),
}


@st.composite
def private_addresses(draw: st.DrawFn) -> IPv4Address:
    network = IPv4Network(draw(st.sampled_from(PRIVATE)))
    return network[draw(st.integers(0, network.num_addresses - 1))]


@given(private_addresses())
def test_private_address_is_never_public(address: IPv4Address) -> None:
    assert not is_public(str(address))


@pytest.mark.parametrize("wrap", WRAPPED)
@given(address=private_addresses())
def test_private_address_embedded_in_another_one_is_not_public(wrap: str, address: IPv4Address) -> None:
    assert not is_public(str(IPv6Address(WRAPPED[wrap](int(address)))))
