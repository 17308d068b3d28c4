"""The OAuth code flow: a link that we made leads to the portal, and its code comes back to us (bitrix24.md 3.3).

A way to install, or repair, where neither frame nor event works. The link's `state` is stored for ten minutes, for one
use, and for one portal: no code is accepted that was not asked for.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode

from chat_lookup.bitrix24.endpoints import is_vouched_for
from chat_lookup.clock import Clock
from chat_lookup.credentials.applications import ApplicationKind, Applications
from chat_lookup.dynamodb import Table, number, read_number, read_text, text
from chat_lookup.errors import RefusalReason
from chat_lookup.install.attempt_limiter import AttemptLimiter, of_links
from chat_lookup.install.offers import Offer, admitted_domain, not_admitted, offer_of_code
from chat_lookup.install.page_texts import refused
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Values

_LIVES: Final = 600.0
_LONGEST_STATE: Final = 100


class Link(NamedTuple):
    """The address at which a user agrees, in the portal at `domain`.

    `is_trusted` means that a browser may be sent there at once; anyone can name any domain in our own address.
    """

    url: str
    domain: str
    is_trusted: bool


class CodeFlow:
    """Links in the items `STATE#<hash>` of CacheTable."""

    def __init__(
        self,
        table: Table,
        applications: Applications,
        portals: Portals,
        attempts: AttemptLimiter,
        clock: Clock,
        *,
        portal_hosts: frozenset[str],
    ) -> None:
        self._table = table
        self._applications = applications
        self._portals = portals
        self._attempts = attempts
        self._clock = clock
        self._portal_hosts = portal_hosts

    def begin(self, portal: str, source: str) -> Link:
        """The link to the portal. Raises `InstallationRefused`, `TooManyAttempts`."""
        domain = admitted_domain(portal, self._portal_hosts)
        if domain is None:
            raise not_admitted(portal)
        client_id = self._applications.for_portal(domain)
        if client_id is None:
            raise refused(RefusalReason.APPLICATION)
        self._attempts.admit(of_links(source))
        state = secrets.token_urlsafe(32)
        expires_at = self._clock.now() + _LIVES
        self._table.put(
            {
                **_key(state),
                "domain": text(domain),
                "until": number(expires_at),
                "expires_at": number(int(expires_at)),
            }
        )
        url = f"https://{domain}/oauth/authorize/?{urlencode({'client_id': client_id, 'state': state})}"
        return Link(url, domain, self._is_trusted(domain, client_id))

    def _is_trusted(self, domain: str, client_id: str) -> bool:
        """Whether the domain is the vendor's, or one that an operator or an installed portal named here."""
        if is_vouched_for(domain, self._portal_hosts) or self._portals.member_id_of(domain) is not None:
            return True
        record = self._applications.record(client_id)
        return record is not None and record.kind is ApplicationKind.LOCAL

    def returned(self, query: Mapping[str, Sequence[str]]) -> Offer:
        """The offer in the returned query; its `state` is spent. Raises `InstallationRefused`."""
        state, named = (query.get(name, [""])[-1] for name in ("state", "domain"))
        domain = self._spent(state)
        if domain is None or (named and admitted_domain(named, self._portal_hosts) != domain):
            raise refused(RefusalReason.LINK)
        return offer_of_code(query, domain)

    def _spent(self, state: str) -> str | None:
        """The portal that a `state` was issued for. Deleting it returns what was stored: of two uses, one finds it."""
        if not 0 < len(state) <= _LONGEST_STATE:
            return None
        item = self._table.pop(_key(state))
        if self._clock.now() >= (read_number(item, "until") or 0.0):
            return None
        return read_text(item, "domain")


def _key(state: str) -> "Values":
    return {"pk": text(f"STATE#{hashlib.sha256(state.encode()).hexdigest()}")}
