"""Objects of the CRM as `crm.item.*` shows them: fields and order of the documents' samples (crm-item-get.md)."""

from collections.abc import Iterable
from typing import Final

from local.portal.content import chat_json
from local.portal.content.crm import FIXED_TYPES, CrmObject

LEAD: Final = FIXED_TYPES["LEAD"]
CONTACT: Final = FIXED_TYPES["CONTACT"]
COMPANY: Final = FIXED_TYPES["COMPANY"]
_PEOPLE: Final = (LEAD, CONTACT, COMPANY)  # the types with fields for telephone and mail


def item(found: CrmObject, user_codes: Iterable[str], *, original_names: bool = False) -> dict[str, object]:
    """The whole object, its telephone and mail included, as the platform sends it; `user_codes` are its lines'.

    Every object has one field of its portal's own, under its original name or in the form of the others.
    """
    moment, number = chat_json.moment(found.created_at), found.key.type
    return {
        "id": found.key.id,
        "createdTime": moment,
        "updatedTime": moment,
        "createdBy": 1,
        "updatedBy": 1,
        "assignedById": 1,
        "opened": "Y",
        **_clients(found),
        "title": found.title,
        "comments": f"Call {found.phone}, or write to {found.mail}",
        "searchContent": f"{found.key.id} {found.title} {found.phone} {found.mail}",
        **(_addresses(found, user_codes) if number in _PEOPLE else {}),
        "UF_CRM_1720019876534" if original_names else "ufCrm_1720019876534": found.phone,
        "observers": [],
        "entityTypeId": number,
    }


def _clients(found: CrmObject) -> dict[str, object]:
    """A contact names its companies, a company its contacts, all others both (bitrix24.md 10.1)."""
    contacts, company = list(found.contact_ids), found.company_id
    if found.key.type == COMPANY:
        return {"contactIds": contacts}
    if found.key.type == CONTACT:
        return {"companyId": company, "companyIds": [company] if company else []}
    return {"companyId": company, "contactId": contacts[0] if contacts else 0, "contactIds": contacts}


def _addresses(found: CrmObject, user_codes: Iterable[str]) -> dict[str, object]:
    lines = ", ".join(f"imol|{code}" for code in user_codes)
    return {
        "hasPhone": "Y",
        "hasEmail": "Y",
        "hasImol": "Y" if lines else "N",
        "phoneMobile": "",
        "phoneWork": found.phone,
        "emailHome": "",
        "emailWork": found.mail,
        "imol": lines,
        "email": found.mail,
        "phone": found.phone,
        "fm": [
            {"id": 101, "valueType": "WORK", "value": found.phone, "typeId": "PHONE"},
            {"id": 102, "valueType": "WORK", "value": found.mail, "typeId": "EMAIL"},
        ],
    }
