"""A pair of OAuth tokens as it stands in a secret: an object of texts."""

from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.credentials.secret_store import Fields


def fields_of(pair: TokenPair, client_id: str) -> Fields:
    """The content of the secret of an installation by the application `client_id`."""
    return {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_at": f"{pair.expires_at:.0f}",
        "member_id": pair.member_id,
        "client_endpoint": pair.client_endpoint,
        "server": pair.server,
        "user_id": "" if pair.user_id is None else str(pair.user_id),
        "scopes": " ".join(sorted(pair.scopes)),
        "status": pair.status,
        "client_id": client_id,
    }


def pair_from(fields: Fields) -> TokenPair:
    """The pair in a secret. Raises `KeyError` or `ValueError` if it holds none."""
    return TokenPair(
        access_token=fields["access_token"],
        refresh_token=fields["refresh_token"],
        expires_at=float(fields["expires_at"]),
        member_id=fields["member_id"],
        client_endpoint=fields["client_endpoint"],
        server=fields["server"],
        user_id=int(fields["user_id"]) if fields.get("user_id") else None,
        scopes=frozenset(fields.get("scopes", "").split()),
        status=fields.get("status", ""),
    )
