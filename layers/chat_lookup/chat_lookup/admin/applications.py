"""Operators' commands about applications: apps.add, apps.list, apps.set, apps.rotate_secret, apps.remove."""

from collections.abc import Mapping

from chat_lookup.admin.views import application_shown
from chat_lookup.bitrix24.endpoints import is_token
from chat_lookup.bitrix24.oauth import Application
from chat_lookup.clock import Deadline
from chat_lookup.credentials.applications import ApplicationKind, ApplicationRecord, Applications
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.install.offers import admitted_domain, not_admitted
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.store import Portals


class AdminApplications:
    """The commands by their names."""

    def __init__(
        self, applications: Applications, portals: Portals, telemetry: Telemetry, *, portal_hosts: frozenset[str]
    ) -> None:
        self._applications = applications
        self._portals = portals
        self._telemetry = telemetry
        self._portal_hosts = portal_hosts
        self.commands = {
            "apps.add": self._add,
            "apps.list": self._list,
            "apps.set": self._set,
            "apps.rotate_secret": self._rotate_secret,
            "apps.remove": self._remove,
        }

    def _add(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """A local application names the portal's domain, since its keys are valid there only (bitrix24.md 9, row 3)."""
        keys = self._keys(fields)
        kind = fields.text("kind")
        domain = fields.optional_text("domain")
        if (kind == ApplicationKind.LOCAL) != (domain is not None):
            raise InvalidRequest("domain names the portal of a local application; a market one has none")
        admitted = self._admitted(domain) if domain is not None else ""
        return application_shown(self._applications.add(keys, ApplicationKind(kind), admitted))

    def _list(self, _: Fields, __: Deadline) -> dict[str, object]:
        # A portal that look-ups found renamed has its new domain in its own record first.
        domains = {portal.client_id: portal.domain for portal in self._portals.all()}
        return {"applications": [application_shown(_at(record, domains)) for record in self._applications.all()]}

    def _set(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """Give a local application the new domain of its portal."""
        client_id, domain = fields.text("client_id"), fields.text("domain")
        return application_shown(self._applications.set_domain(client_id, self._admitted(domain)))

    def _remove(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """Delete an application that no portal uses, with its secret."""
        client_id = fields.text("client_id")
        return {"removed": application_shown(self._applications.remove(client_id))}

    def _rotate_secret(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Store the new secret of an application; the former one stays valid beside it for a day."""
        keys = self._keys(fields)
        return application_shown(self._applications.rotate_secret(keys, deadline))

    def _admitted(self, domain: str) -> str:
        admitted = admitted_domain(domain, self._portal_hosts)
        if admitted is None:
            refusal = not_admitted(domain)
            why = f". {refusal.detail}" if refusal.cause else ""
            raise InvalidRequest(f"domain must be the host of the portal, such as acme.bitrix24.com{why}")
        return admitted

    def _keys(self, fields: Fields) -> Application:
        client_id, secret = fields.text("client_id"), fields.secret("client_secret")
        self._telemetry.hide(secret)
        if not (is_token(client_id) and is_token(secret)):
            raise InvalidRequest("client_id and client_secret must be printable ASCII without blanks")
        return Application(client_id, secret)


def _at(record: ApplicationRecord, domains: Mapping[str, str]) -> ApplicationRecord:
    """A local application with the current domain of its portal."""
    local = record.kind is ApplicationKind.LOCAL
    return record._replace(domain=domains.get(record.client_id, record.domain)) if local else record
