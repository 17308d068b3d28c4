"""Keeping secrets out of every line that is written: the exact ones in use, and the shapes of the rest."""

import re
from collections import OrderedDict
from threading import Lock
from urllib.parse import quote

MASK = "***"
_MOST_SECRETS = 512
_SHORTEST_SECRET = 6

# Where a secret may stand although nobody registered it. Lines are JSON, so a quote may be escaped.
_SHAPES = (
    # An inbound webhook's code is a part of the path (bitrix24.md 2.1), ours under /rest as well.
    (re.compile(r"(/rest/(?:api/)?\d+/)[A-Za-z0-9_-]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]+"), rf"\1{MASK}"),
    (re.compile(r"\bclk_[A-Za-z0-9_-]{8,}"), MASK),
    (
        re.compile(
            r"(?i)((?:access_token|refresh_token|application_token|client_secret|bot_?token|x-api-key|api_key|auth_id"
            r"|refresh_id|\bauth)(?:\\?[\"'])?\s*(?:=|:|%3D)\s*(?:\\?[\"'])?)[A-Za-z0-9._~+/=%-]{6,}"
        ),
        rf"\1{MASK}",
    ),
)


class Redactor:
    """Replaces secrets in text. Exact secrets are registered where they are read or received."""

    def __init__(self) -> None:
        self._secrets: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def register(self, secret: str) -> None:
        """Never let this text leave again. The most recent 512 are kept; the shapes catch what went before."""
        if len(secret) < _SHORTEST_SECRET:
            return
        with self._lock:
            for form in {secret, quote(secret, safe="")}:
                self._secrets[form] = None
                self._secrets.move_to_end(form)
            while len(self._secrets) > _MOST_SECRETS:
                self._secrets.popitem(last=False)

    def clean(self, text: str) -> str:
        """The same text with every known or recognisable secret masked."""
        with self._lock:
            secrets = sorted(self._secrets, key=len, reverse=True)
        for secret in secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        for pattern, replacement in _SHAPES:
            text = pattern.sub(replacement, text)
        return text
