"""Methods about the portal itself, and the one about tasks that names a chat."""

from collections.abc import Callable

from local.portal.content import chat_json
from local.portal.content.chat import Chat
from local.portal.methods.call import Call, Method
from local.portal.oauth.grant import BASIC
from local.portal.protocol import php
from local.portal.protocol.errors import Refused

# What a webhook or an application can be granted here; the names are the documents'.
SCOPES = ("crm", "im", "imbot", "imopenlines", "placement", "task", "tasks", "user", "user_basic", "user_brief")

# Entity types that a task's chat may have: of the new card, then of the old one (bitrix24.md 1.20).
_TASK_ENTITIES = ("TASKS_TASK", "TASKS")

_TASK_FIELDS = {"id": "ID", "title": "TITLE", "chatId": "CHAT_ID"}
_V3 = "BITRIX_REST_V3_EXCEPTION_"
_OF_CONTROLLERS = ("crm.item.", "imbot.v2.", "tasks.task.")


def app_info(call: Call) -> object:
    """The calling application, as it is installed; a webhook is refused with 400 (bitrix24.md 1.16)."""
    context = call.grant.context
    if context is None:
        raise Refused("ACCESS_DENIED", 400, "Access denied! Application context required")
    installation, application = context.installation, context.application
    return {
        "ID": installation.number,
        "CODE": application.client_id,
        "VERSION": installation.version,
        "STATUS": application.status,
        "INSTALLED": installation.finished,
        "PAYMENT_EXPIRED": "Y" if (installation.days or 0) < 0 else "N",
        "DAYS": installation.days,
        "LANGUAGE_ID": "en",
        "LICENSE": "en_std",
        "LICENSE_TYPE": "std",
        "LICENSE_FAMILY": "std",
    }


def scope(call: Call) -> object:
    """The scopes of the caller, or with `full` all scopes."""
    if not php.is_empty(call.text("full")):
        return list(SCOPES)
    return sorted(call.grant.scopes)


def server_time(call: Call) -> object:
    """The portal's time (bitrix24.md 10.6)."""
    return chat_json.moment(call.now)


def method_get(call: Call) -> object:
    """Whether a method exists and may be called; both the name's value and its key in lower case (method-get.md)."""
    found = call.catalogue.get(php.text(call.params.get("name")))
    return {"isExisting": found is not None, "isAvailable": found is not None and call.grant.allows(found.scope)}


def methods(call: Call) -> object:
    """The names of methods (methods.md, deprecated): of one scope, of all of them, or of those that are granted.

    As in the product, methods of module controllers are left out; that `imbot.v2` has such ones is known from its
    source only.
    """
    offered = [each for each in call.catalogue.values() if not each.name.startswith(_OF_CONTROLLERS)]
    asked = call.param("scope")
    if asked is not None:
        return [each.name for each in offered if (php.text(asked) or BASIC) in each.scope.split()]
    whole = not php.is_empty(call.text("full"))
    return [each.name for each in offered if whole or call.grant.allows(each.scope)]


def feature_get(call: Call) -> object:
    """Whether the portal's tariff has a feature; an unknown code may be Y, too (feature-get.md)."""
    if php.is_empty(call.text("CODE")):
        raise Refused("CODE_EMPTY")
    return {"value": "Y"}


def task_get(call: Call) -> object:
    """The task in the old format, its chat as `chatId`; an empty array for an unknown task (tasks-task-get.md)."""
    task_id = call.text("taskId")
    if not task_id:
        raise Refused("100", 400, "CTaskItem All parameters in the constructor must have real class type")
    if not (task_id.isascii() and task_id.isdigit()):
        raise Refused("0", 400, "wrong task id")
    chat = _chat_of_task(call, task_id)
    if chat is None:
        return []
    task: dict[str, object] = {"id": task_id, "title": chat.title, "chatId": chat.id}
    asked = {php.text(each).upper() for each in call.array("select").values()}
    if asked and "*" not in asked:
        task = {name: value for name, value in task.items() if name == "id" or _TASK_FIELDS[name] in asked}
    return {"task": {**task, "favorite": "N", "group": [], "action": {}}}


def task_get_v3(call: Call) -> object:
    """The task in the new format: its chat's id, and the chat as an object only where `select` names fields of it
    (tasks-task-get-rest-v3.md)."""
    number = call.param("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Refused(f"{_V3}VALIDATION_REQUESTVALIDATIONEXCEPTION", field="id")
    chat = _chat_of_task(call, str(number))
    if chat is None:
        raise Refused(f"{_V3}ENTITYNOTFOUNDEXCEPTION", 400, f"Record with ID = `{number}` not found")
    whole = {"id": chat.id, "entityId": number, "entityType": chat.entity_type}
    related = [php.text(each).partition(".")[::2] for each in call.array("select").values()]
    asked = [field for relation, field in related if relation == "chat" and field]
    if unknown := next((field for field in asked if field not in whole), None):
        raise Refused(f"{_V3}UNKNOWNDTOPROPERTYEXCEPTION", 400, f"Unknown field `{unknown}` for entity `ChatDto`")
    item = {"id": number, "title": chat.title, "chatId": chat.id}
    return {"item": {**item, **({"chat": {field: whole[field] for field in asked}} if asked else {})}}


def _chat_of_task(call: Call, task_id: str) -> Chat | None:
    if not (task_id.isascii() and task_id.isdigit()):
        return None
    found = (call.content.bound_to(entity_type, task_id) for entity_type in _TASK_ENTITIES)
    return next((chat for chat in found if chat), None)


_ROWS: tuple[tuple[str, str, Callable[[Call], object]], ...] = (
    ("app.info", BASIC, app_info),
    ("scope", BASIC, scope),
    ("server.time", BASIC, server_time),
    ("method.get", BASIC, method_get),
    ("methods", BASIC, methods),
    ("feature.get", BASIC, feature_get),
    ("tasks.task.get", "task", task_get),
)
METHODS = tuple(Method(*row) for row in _ROWS)
METHODS_V3 = (Method("tasks.task.get", "tasks", task_get_v3),)
