"""Calls about objects of the CRM, and about open lines."""

from dataclasses import replace
from typing import Final

from local.portal.content.crm import FIXED_TYPES, CrmKey, CrmObject
from local.portal.content.demo import COMPANY, CONTACT, CUSTOMER, DEAL
from local.portal.state import State
from tests.local.platform.scene import WEBHOOK, Scene, otherwise, refused, usual
from tests.local.platform.stage import CHAT, Caller


def _unreadable(state: State) -> None:
    state.content.crm.put(CrmObject(DEAL, "Secret", readable=False))


def _leads(state: State) -> None:
    for number in range(60):
        lead = CrmKey(LEAD.type, LEAD.id + number)
        state.content.crm.put(CrmObject(lead, "Request from the site", (CONTACT.id,), COMPANY.id))


LEAD: Final = CrmKey(FIXED_TYPES["LEAD"], 250)
WITH_LEADS: Final = replace(WEBHOOK, prepare=_leads)
EMPLOYEE: Final = replace(WEBHOOK, user_id=2, prepare=_unreadable)
OUTSIDER: Final = Caller(user_id=CUSTOMER.id)
_DEAL: Final = {"entityTypeId": DEAL.type, "id": DEAL.id}
_LIST: Final = {
    "entityTypeId": LEAD.type,
    "select": [
        "id",
        "assignedById",
        "stageId",
        "opportunity",
        "sourceId",
        "title",
        "name",
        "lastName",
        "isManualOpportunity",
    ],
    "filter": {"id": LEAD.id},
    "order": {"id": "ASC"},
}
_OF_DEAL: Final = {"CRM_ENTITY_TYPE": "DEAL", "CRM_ENTITY": DEAL.id}
_NO_LINES: Final = {"CRM_ENTITY_TYPE": "COMPANY", "CRM_ENTITY": 404}

SCENES: Final[tuple[Scene, ...]] = (
    usual("crm.item.get", WITH_LEADS, entityTypeId=LEAD.type, id=LEAD.id),
    otherwise("crm.item.get", WITH_LEADS, entityTypeId=LEAD.type, id=LEAD.id, useOriginalUfNames="Y"),
    refused("crm.item.get", "NOT_FOUND", entityTypeId=DEAL.type, id=404),
    refused("crm.item.get", "NOT_FOUND", entityTypeId=5, id=1),
    refused("crm.item.get", "ACCESS_DENIED", EMPLOYEE, **_DEAL),
    refused("crm.item.get", "allowed_only_intranet_user", OUTSIDER, **_DEAL),
    usual("crm.item.list", WITH_LEADS, **_LIST),
    otherwise("crm.item.list", WITH_LEADS, entityTypeId=LEAD.type, order={"id": "DESC"}, start=50),
    otherwise("crm.item.list", WITH_LEADS, entityTypeId=LEAD.type, useOriginalUfNames="Y"),
    otherwise("crm.item.list", entityTypeId=CONTACT.type, filter={">id": 1, "!=id": 7}),
    refused("crm.item.list", "NOT_FOUND", entityTypeId=5),
    refused("crm.item.list", "INVALID_ARG_VALUE", **{**_LIST, "filter": {"phone": "1"}}),
    refused("crm.item.list", "INVALID_ARG_VALUE", WITH_LEADS, **{**_LIST, "filter": {">id": "many"}}),
    refused("crm.item.list", "INVALID_ARG_VALUE", **{**_LIST, "order": {"phone": "ASC"}}),
    refused("crm.item.list", "INVALID_ARG_VALUE", **{**_LIST, "order": {"id": "UP"}}),
    refused("crm.item.list", "allowed_only_intranet_user", OUTSIDER, **_LIST),
    usual("imopenlines.crm.chat.get", **_OF_DEAL),
    usual("imopenlines.crm.chat.get", CRM_ENTITY_TYPE="CONTACT", CRM_ENTITY=CONTACT.id, ACTIVE_ONLY="N"),
    usual("imopenlines.crm.chat.get", **_NO_LINES),
    refused("imopenlines.crm.chat.get", "ERROR_ARGUMENT", **{**_OF_DEAL, "CRM_ENTITY": "many"}),
    refused("imopenlines.crm.chat.get", "ACCESS_DENIED", EMPLOYEE, **_OF_DEAL),
    usual("imopenlines.crm.chat.getLastId", **_OF_DEAL),
    refused("imopenlines.crm.chat.getLastId", "ERROR_ARGUMENT", **{**_OF_DEAL, "CRM_ENTITY": "many"}),
    refused("imopenlines.crm.chat.getLastId", "CRM_CHAT_EMPTY_CRM_DATA", **_NO_LINES),
    usual("imopenlines.dialog.get", CHAT_ID=1764),
    usual("imopenlines.dialog.get", DIALOG_ID="chat1764"),
    usual("imopenlines.dialog.get", USER_CODE="telegrambot|2|209607941|744"),
    usual("imopenlines.dialog.get", SESSION_ID=343),
    refused("imopenlines.dialog.get", "ACCESS_ERROR", CHAT_ID=CHAT),
)
