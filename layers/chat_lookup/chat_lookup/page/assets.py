"""The files of the page, each under an address with the hash of its content: an address never has other content."""

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from chat_lookup.errors import RouteNotFound
from chat_lookup.http.responses import Response

_FOLDER: Final = Path(__file__).with_name("assets")
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_A_YEAR: Final = 31_536_000


class _Asset(NamedTuple):
    content_type: str
    content: str


def _read() -> tuple[dict[str, str], dict[str, _Asset]]:
    """The addresses by file, and the files by the last part of their addresses."""
    addresses, assets = {}, {}
    for path in sorted(_FOLDER.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_text("utf-8")
            named = f"{path.stem}.{hashlib.sha256(content.encode()).hexdigest()[:16]}{path.suffix}"
            addresses[path.name] = f"/assets/{named}"
            assets[named] = _Asset(_TYPES[path.suffix], content)
    return addresses, assets


ADDRESSES, _ASSETS = _read()
"""By file name, the path under which it is served."""


def served(name: str) -> Response:
    """The file of an address under /assets/. Raises `RouteNotFound`."""
    asset = _ASSETS.get(name)
    if asset is None:
        raise RouteNotFound("No file of the page has this address; a new release has new addresses")
    return {
        "statusCode": 200,
        "headers": {
            "content-type": asset.content_type,
            "cache-control": f"public, max-age={_A_YEAR}, immutable",
            "x-content-type-options": "nosniff",
        },
        "body": asset.content,
    }
