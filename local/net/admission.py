"""Which requests a server of the local run answers: those to a name of its own, from no foreign page (design 13).

Any page that a browser opens can send requests to this machine: under a name of the page's own that it lets resolve to
127.0.0.1 (DNS rebinding), or across sites, where a POST of `text/plain` needs no preflight. The first has a foreign
Host, the second a foreign Origin. Programs send neither Origin nor Sec-Fetch-Site.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_USUAL_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_HARMLESS: Final = frozenset({"GET", "HEAD"})

FOREIGN_HOST: Final = "The header Host is no name of this server; BIND and PORTAL_HOST are, beside those of loopback."
FOREIGN_PAGE: Final = "A page of another origin sent this request."


@dataclass(frozen=True, slots=True)
class Run:
    """What the servers of one run have in common: the names of this machine, and their ports. Pages of any of these
    origins may call any of the servers."""

    names: frozenset[str] = LOOPBACK
    ports: set[int] = field(default_factory=set)

    @classmethod
    def named(cls, *names: str) -> "Run":
        """A run with these names beside those of loopback."""
        return cls(LOOPBACK | {name.lower() for name in names})

    def is_origin(self, origin: str) -> bool:
        found = _parsed(origin)
        return found is not None and found.name in self.names and found.port in self.ports


@dataclass(frozen=True, slots=True)
class Admission:
    """The rule of one server: `names` are its own, in lower case, and `any_origin` a path below which each page may
    call, because the caller proves itself by a key there."""

    run: Run
    names: frozenset[str]
    any_origin: str = ""

    @classmethod
    def of(cls, run: Run, names: Iterable[str] = (), *, any_origin: str = "") -> "Admission":
        """The rule of a server with the run's names, and some of its own."""
        return cls(run, run.names | {name.lower() for name in names}, any_origin)

    def refusal(self, environ: Mapping[str, object], port: int) -> str | None:
        """Why a request to the server at `port` is refused; None if it is answered."""

        def header(name: str) -> str:
            return str(environ.get(f"HTTP_{name}", ""))

        host = _parsed(f"{environ['wsgi.url_scheme']}://{header('HOST')}")
        if host is None or host.name not in self.names or host.port != port:
            return FOREIGN_HOST
        if self.any_origin and str(environ["PATH_INFO"]).startswith(self.any_origin):
            return None
        if header("ORIGIN"):
            return None if self.run.is_origin(header("ORIGIN")) else FOREIGN_PAGE
        # A link on another page may be followed: that page cannot read what it leads to.
        followed = environ["REQUEST_METHOD"] in _HARMLESS and header("SEC_FETCH_MODE") == "navigate"
        return FOREIGN_PAGE if header("SEC_FETCH_SITE") == "cross-site" and not followed else None


class _Address(NamedTuple):
    name: str
    port: int


def _parsed(address: str) -> _Address | None:
    """Name and port of `scheme://name[:port]`; None for all that has another form."""
    try:
        parts = urlsplit(address)
        port = parts.port or _USUAL_PORTS.get(parts.scheme)
    except ValueError:
        return None
    more = "@" in parts.netloc or parts.path or parts.query or parts.fragment
    return _Address(parts.hostname, port) if parts.hostname and port and not more else None
