"""The portal's member_id, and the addresses of the portal and of its authorisation server."""

from urllib.parse import urlsplit


class Identity:
    """`member_id` never changes; the portal's host may (bitrix24.md 2.4), while the authorisation server keeps its own.

    Both answer on one port here, so a renamed portal is recognised by the host that a request names: under its former
    host, only the authorisation server answers.
    """

    def __init__(self, member_id: str, host: str, port: int) -> None:
        self.member_id = member_id
        self._port = port
        self._host = host
        self._former: set[str] = set()
        self.server_domain = self.under(host)

    @property
    def domain(self) -> str:
        """The portal's present `host:port`."""
        return self.under(self._host)

    @property
    def portal_url(self) -> str:
        """The portal's address, without a slash at its end."""
        return f"https://{self.domain}"

    @property
    def client_endpoint(self) -> str:
        return f"https://{self.domain}/rest/"

    @property
    def server_endpoint(self) -> str:
        return f"https://{self.server_domain}/rest/"

    def under(self, host: str) -> str:
        """`host:port` of this machine under a name or address."""
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"

    def rename(self, host: str) -> None:
        """Renames the portal to `host`; its former names redirect there."""
        self._former.add(self._host)
        self._former.discard(host)
        self._host = host

    def has_left(self, host: str) -> bool:
        """Whether a request's Host header names a host that the portal has moved away from."""
        try:
            return urlsplit(f"//{host}").hostname in self._former
        except ValueError:
            return False
