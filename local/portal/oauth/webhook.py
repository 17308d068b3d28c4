"""Inbound webhooks: an address that lets its caller act as a user (bitrix24.md 2.1)."""

import hmac
from dataclasses import dataclass, field

from local.portal.oauth.grant import Grant


@dataclass(frozen=True, slots=True)
class Webhook:
    """Its code lets a caller act as its user, within its scopes."""

    user_id: int
    code: str = field(repr=False)
    scopes: frozenset[str]

    def opened_by(self, user: str, code: str) -> bool:
        """Whether an address with these two parts is this webhook's."""
        return hmac.compare_digest(code.encode(), self.code.encode()) and int(user) == self.user_id

    def grant(self) -> Grant:
        return Grant(account=f"webhook of user {self.user_id}", user_id=self.user_id, scopes=self.scopes)
