"""Objects of a CRM with chats, as the portal's methods show them: behind the fake client (bitrix24.md 10.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.objects.portal_objects import PortalObject
from tests.support.fakes import FakeBitrix24

NUMBERS = {1: "LEAD", 2: "DEAL", 3: "CONTACT", 4: "COMPANY", 7: "QUOTE", 31: "SMART_INVOICE"}


@dataclass(frozen=True)
class FakeLine:
    """An open line's chat; `chat_id` 0 is of a session that was removed."""

    chat_id: int
    active: bool = False
    connector: str = "telegrambot"


@dataclass
class FakeCrm:
    """What the portal has: each part by the object's name, `DEAL|7`, or by the pair of a discussion."""

    discussions: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[FakeLine]] = field(default_factory=dict)
    contacts: dict[str, list[int]] = field(default_factory=dict)
    companies: dict[str, list[int]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    """Objects that the user of the grant may not read."""
    lacking: set[str] = field(default_factory=set)
    """Scopes that the portal does not grant."""

    def behind(self, bitrix24: FakeBitrix24) -> None:
        """Let the fake portal answer from this."""
        bitrix24.answers_by("im.chat.get", self._discussion)
        bitrix24.answers_by("imopenlines.crm.chat.get", self._lines)
        bitrix24.answers_by("crm.item.get", self._item)

    def _discussion(self, params: Mapping[str, object]) -> object:
        pair = f"{params['ENTITY_TYPE']} {params['ENTITY_ID']}"
        name = pair.removeprefix("CRM ")
        if name in self.closed:
            raise refused("im.chat.get", "ACCESS_ERROR", 403)
        chat_id = self.discussions.get(name)
        return None if chat_id is None else {"ID": chat_id}

    def _lines(self, params: Mapping[str, object]) -> object:
        method, kind, number = "imopenlines.crm.chat.get", params["CRM_ENTITY_TYPE"], params["CRM_ENTITY"]
        assert kind in ("lead", "deal", "contact", "company")
        self._check_scope(method, "imopenlines")
        name = f"{str(kind).upper()}|{number}"
        if name in self.closed:
            raise refused(method, "ACCESS_DENIED", 403)
        return [
            {
                "CHAT_ID": str(line.chat_id) if line.chat_id else None,
                "CONNECTOR_ID": line.connector,
                "CONNECTOR_TITLE": line.connector.title(),
            }
            for line in self.lines.get(name, [])
            if line.active or params["ACTIVE_ONLY"] == "N"
        ]

    def _item(self, params: Mapping[str, object]) -> object:
        number = params["entityTypeId"]
        assert isinstance(number, int)
        self._check_scope("crm.item.get", "crm")
        name = f"{NUMBERS.get(number, f'DYNAMIC_{number}')}|{params['id']}"
        if name in self.gone:
            raise refused("crm.item.get", "NOT_FOUND", 400)
        if name in self.closed:
            raise refused("crm.item.get", "ACCESS_DENIED", 400)
        contacts, companies = self.contacts.get(name, []), self.companies.get(name, [])
        return {
            "item": {
                "id": params["id"],
                "title": "Deal of +15550100000",
                "phone": "+15550100000",
                "fm": [{"value": "user@example.com", "typeId": "EMAIL"}],
                "contactId": contacts[0] if contacts else 0,
                "contactIds": contacts,
                "companyId": companies[0] if companies else None,
                "companyIds": companies,
            }
        }

    def _check_scope(self, method: str, scope: str) -> None:
        if scope in self.lacking:
            raise refused(method, "insufficient_scope", 403)


def refused(method: str, code: str, status: int) -> BitrixError:
    return BitrixError(code, status, method=method, description="description by the portal", webhook=True)


def named(name: str) -> PortalObject:
    """The object of a name like `DEAL|7`."""
    kind, _, number = name.rpartition("|")
    return PortalObject(kind, int(number))
