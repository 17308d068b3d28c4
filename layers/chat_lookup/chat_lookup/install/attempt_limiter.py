"""The limits of unproved requests, taken before any call is made for them (design 5, Trust; docs/decisions/022).

A pool is a leaky bucket in an item of CacheTable. An attempt takes the price of a failure beforehand, so that many at
once cannot pass before the first of them has failed, and gets all but one unit back when it succeeds.
"""

import hashlib
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.clock import CLOCKS_APART, Clock
from chat_lookup.dynamodb import (
    Table,
    absent,
    all_of,
    any_of,
    at_least,
    at_most,
    greater,
    less,
    number,
    present,
    read_number,
    text,
)
from chat_lookup.errors import TooManyAttempts

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Values

FAILURE: Final = 10
"""Units of a failure; a success is one."""
REFUSED_FOR: Final = 600.0
"""Seconds for which a refused token is remembered."""
_CONTENTION: Final = 20
_GARBAGE_AFTER: Final = 3600


class Pool(NamedTuple):
    """`capacity` units at once, `rate` units a second after that; `price` is what a failure takes.

    The item of a known portal begins with its member_id, so that it is deleted with the portal.
    """

    name: str
    rate: float
    capacity: float
    price: int = FAILURE


def of_strangers(source: str) -> tuple[Pool, ...]:
    """The pools of offers for portals that are not known: each of them costs a request to the authorisation server.

    The address comes first: a flood from one does not use up what all have. All together fail at most 17 times at
    once and then every 50 seconds.
    """
    return (*_by_address("stranger", source, 100), Pool("attempts strangers", 0.2, 170))


def of_portal(member_id: str, source: str, *, from_portal: bool) -> tuple[Pool, ...]:
    """The pools of offers for a known portal: each of them costs a call of that portal.

    An offer with the portal's application token comes from one of its users, or from the vendor's queue, which sends
    events of many portals from few addresses: its limit is apart from that of all others.
    """
    if from_portal:
        return (Pool(f"{member_id}#attempts itself", 1.0, 30, price=1),)
    return (*_by_address("visitor", source, 300), Pool(f"{member_id}#attempts", 1.0, 30, price=1))


def of_refreshes(member_id: str) -> tuple[Pool, ...]:
    """The pool of refreshes for the users of a known portal."""
    return (Pool(f"{member_id}#refreshes", 0.5, 30),)


def of_links(source: str) -> tuple[Pool, ...]:
    """The pools of links to the authorisation page: none costs a request."""
    return (Pool(f"attempts link {_address(source)[0]}", 0.5, 27, price=1), Pool("attempts links", 5.0, 90, price=1))


class Admission:
    """An attempt that may be made. It counts as a failure until `succeeded` is called."""

    def __init__(self, limiter: "AttemptLimiter", pools: Sequence[Pool]) -> None:
        self._limiter = limiter
        self._pools = pools

    def succeeded(self) -> None:
        for pool in self._pools:
            self._limiter.give_back(pool, pool.price - 1)


class AttemptLimiter:
    """Pools in the items `LIMIT#<pool>`, and refused tokens in `LIMIT#refused <hash>`, of CacheTable."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def admit(self, pools: Sequence[Pool]) -> Admission:
        """Take the price of one attempt from each pool. Raises `TooManyAttempts`; nothing is taken then."""
        for place, pool in enumerate(pools):
            wait = self._taken(pool)
            if wait > 0:
                for before in pools[:place]:
                    self.give_back(before, before.price)
                raise TooManyAttempts(retry_after=max(1.0, wait))
        return Admission(self, pools)

    def give_back(self, pool: Pool, units: int) -> None:
        if units:
            self._table.update(_key(pool), add={"tat": number(-units / pool.rate)}, condition=present("tat"))

    def refuse(self, *secrets: str) -> None:
        """Remember that what was offered is refused. Each costs a call before, so that the limits bound their number.

        In the table, because the same offer may reach any process.
        """
        until = self._clock.now() + REFUSED_FOR
        self._table.put(
            {**_refused_key(secrets), "until": number(until), "expires_at": number(int(until) + _GARBAGE_AFTER)}
        )

    def is_refused(self, *secrets: str) -> bool:
        """Whether the same was refused in the last ten minutes."""
        until = read_number(self._table.get(_refused_key(secrets)), "until") or 0.0
        return self._clock.now() < until <= self._clock.now() + REFUSED_FOR + CLOCKS_APART

    def _taken(self, pool: Pool) -> float:
        """Take the price; 0, or the seconds until there is room for it.

        `tat` is the moment at which the pool is empty again, as in `calls.gcra`.
        """
        price, full = pool.price / pool.rate, pool.capacity / pool.rate
        for _ in range(_CONTENTION):
            now = round(self._clock.now(), 6)
            fields = {"expires_at": number(int(now + full) + _GARBAGE_AFTER)}
            busy = all_of(at_least("tat", number(now)), at_most("tat", number(now + full - price)))
            held, item = self._table.update(_key(pool), fields, add={"tat": number(price)}, condition=busy)
            if held:
                return 0.0
            tat = read_number(item, "tat")
            absurd = now + full + CLOCKS_APART
            if tat is None or tat < now or tat > absurd:
                idle = any_of(absent("tat"), less("tat", number(now)), greater("tat", number(absurd)))
                if self._table.update(_key(pool), fields | {"tat": number(now + price)}, condition=idle).held:
                    return 0.0
            else:
                # Another attempt may have read the clock after this one, and taken its price before.
                wait = tat - (self._clock.now() + full - price)
                if wait > 0:
                    return wait
        return 1.0


def _by_address(kind: str, source: str, of_network: float) -> tuple[Pool, ...]:
    address, network = _address(source)
    return (
        Pool(f"attempts {kind} {address}", 0.5, 2 * FAILURE),
        Pool(f"attempts {kind} {network}", 1.0, of_network),
    )


def _address(source: str) -> tuple[str, str]:
    """A caller's address and its network: of IPv6, where a caller has a /64 of addresses, that and the /48.

    On this machine (a local run) the callers have nothing but their addresses.
    """
    try:
        address = ip_address(source)
        bits = (32, 24) if address.version == 4 else (64, 48)  # noqa: PLR2004 - versions of IP
        one, many = (str(ip_network(f"{source}/{length}", strict=False)) for length in bits)
    except ValueError:
        return source, f"{source}/"
    return (one, f"{one} alone") if address.is_loopback else (one, many)


def _key(pool: Pool) -> "Values":
    # No member id has a blank, so these cannot be a portal's limit.
    return {"pk": text(f"LIMIT#{pool.name}")}


def _refused_key(secrets: Sequence[str]) -> "Values":
    return {"pk": text(f"LIMIT#refused {hashlib.sha256(' '.join(secrets).encode()).hexdigest()}")}
