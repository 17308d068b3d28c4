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
    task = {"id": task_id, "title": chat.title, "chatId": chat.id, "favorite": "N", "group": [], "action": {}}
    return {"task": task}


def task_get_v3(call: Call) -> object:
    """The task in the new format, its chat as an object (tasks-new.md)."""
    task_id = call.text("id")
    chat = _chat_of_task(call, task_id)
    if chat is None:
        raise Refused("BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUNDEXCEPTION")
    number = int(task_id)
    return {"item": {"id": number, "chat": {"id": chat.id, "entityId": number, "entityType": chat.entity_type}}}


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
