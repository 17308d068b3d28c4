"""Application tokens: what proves that an event comes from a portal (bitrix24.md 5.3). Only their hashes are kept."""

import hashlib
import hmac

from chat_lookup.portals.portal import Portal


def hashed(application_token: str) -> str:
    """What is kept of an application token, and compared."""
    return hashlib.sha256(application_token.encode()).hexdigest()


def proves(application_token: str, portal: Portal) -> bool:
    """Whether an application token is one of the portal's; every one is compared, each in constant time."""
    offered = hashed(application_token)
    found = [hmac.compare_digest(offered, each) for each in sorted(portal.application_tokens)]
    return bool(application_token) and any(found)
