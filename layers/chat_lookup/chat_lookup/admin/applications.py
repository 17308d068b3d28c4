"""Operators' commands about applications: apps.add, apps.list, apps.rotate_secret."""

from typing import Final

from chat_lookup.admin.views import application_shown
from chat_lookup.bitrix24.endpoints import is_token
from chat_lookup.bitrix24.oauth import Application
from chat_lookup.clock import Deadline
from chat_lookup.credentials.applications import ApplicationKind, Applications
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.install.offers import admitted_domain, not_admitted
from chat_lookup.observability.telemetry import Telemetry

_KINDS: Final = frozenset(kind.value for kind in ApplicationKind)


class AdminApplications:
    """The commands by their names."""

    def __init__(self, applications: Applications, telemetry: Telemetry, *, portal_hosts: frozenset[str]) -> None:
        self._applications = applications
        self._telemetry = telemetry
        self._portal_hosts = portal_hosts
        self.commands = {
            "apps.add": self._add,
            "apps.list": self._list,
            "apps.rotate_secret": self._rotate_secret,
        }

    def _add(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """A local application names the portal's domain, since its keys are valid there only (bitrix24.md 9, row 3)."""
        keys = self._keys(fields)
        kind = fields.text("kind")
        domain = fields.optional_text("domain")
        fields.nothing_else()
        if kind not in _KINDS:
            raise InvalidRequest("kind can only be local or market")
        if (kind == ApplicationKind.LOCAL) != (domain is not None):
            raise InvalidRequest("domain names the portal of a local application; a market one has none")
        admitted = admitted_domain(domain, self._portal_hosts) if domain is not None else ""
        if admitted is None:
            refusal = not_admitted(domain or "")
            why = f". {refusal.detail}" if refusal.cause else ""
            raise InvalidRequest(f"domain must be the host of the portal, such as acme.bitrix24.com{why}")
        return application_shown(self._applications.add(keys, ApplicationKind(kind), admitted))

    def _list(self, fields: Fields, _: Deadline) -> dict[str, object]:
        fields.nothing_else()
        return {"applications": [application_shown(record) for record in self._applications.all()]}

    def _rotate_secret(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Store the new secret of an application; the former one stays valid beside it for a day."""
        keys = self._keys(fields)
        fields.nothing_else()
        return application_shown(self._applications.rotate_secret(keys, deadline))

    def _keys(self, fields: Fields) -> Application:
        client_id, secret = fields.text("client_id"), fields.secret("client_secret")
        self._telemetry.hide(secret)
        if not (is_token(client_id) and is_token(secret)):
            raise InvalidRequest("client_id and client_secret must be printable ASCII without blanks")
        return Application(client_id, secret)
