"""Application tokens, which prove that an event comes from a portal (bitrix24.md 5.3). Only hashes are stored."""

import hashlib
import hmac

from chat_lookup.portals.portal import Portal


def hashed(application_token: str) -> str:
    """The hash of an application token, which is stored and compared."""
    return hashlib.sha256(application_token.encode()).hexdigest()


def proves(application_token: str, portal: Portal) -> bool:
    """Whether an application token is one of the portal's; compares with each of them, in constant time."""
    offered = hashed(application_token)
    found = [hmac.compare_digest(offered, each) for each in sorted(portal.application_tokens)]
    return bool(application_token) and any(found)
