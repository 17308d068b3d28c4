"""What the local portal does otherwise than the platform's documentation, and why: all of it, and nothing that is gone.

A new difference is mended in the portal, or gets its row here with the source that decides it. Braces stand for each of
the words in them: `im.chat.{get,add}: …` are two differences.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

MOST_ROWS: Final = 25
_ALTERNATIVES: Final = re.compile(r"\{([^{}]+)\}")


class Accepted(NamedTuple):
    """Differences with one reason. `source` decides against the schema; `own` is a choice of this portal."""

    reason: str
    source: str
    differences: tuple[str, ...]


def each(pattern: str) -> Iterator[str]:
    """The differences that a pattern matches."""
    parts = _ALTERNATIVES.split(pattern)
    choices = [part.split(",") if position % 2 else [part] for position, part in enumerate(parts)]
    yield from ("".join(words) for words in itertools.product(*choices))


ACCEPTED: Final = (
    Accepted(
        "samples differ in the members of `time`; the portal always has those of the newer ones, in a batch those of"
        " each command",
        "bitrix24.md 2.5",
        (
            "batch: time.{operating,operating_reset_at} is missing",
            "{crm.item.get,crm.item.list,event.bind,event.unbind}: time.operating_reset_at is not in the sample",
            "{feature.get,method.get,user.get}: time.operating_reset_at is not in the sample",
        ),
    ),
    Accepted(
        "the pages of events list codes about rights only; these are the product's for arguments and addresses",
        "bitrix24.md 1.15, event-bind.md in its newer form",
        (
            "event.{bind,unbind}: ERROR_ARGUMENT 400 is not documented",
            "event.bind: {ERROR_CORE,ERROR_UNSUPPORTED_PROTOCOL,ERROR_WRONG_HANDLER_URL} 400 is not documented",
            "event.{bind,unbind}: without event: ERROR_ARGUMENT",
            "event.bind: without handler: ERROR_ARGUMENT",
        ),
    ),
    Accepted(
        "events are bound by applications only, which the schemas do not have in a field",
        "bitrix24.md 1.15",
        ("event.{bind,unbind}: by webhook: WRONG_AUTH_TYPE",),
    ),
    Accepted(
        "without a handler all handlers that meet the other parameters are removed",
        "event-unbind.md, below its parameters",
        ("event.unbind: without handler: a result",),
    ),
    Accepted(
        "offline events are bound, and none is ever queued",
        "own",
        ("event.bind: parameter {auth_connector,options} is not read",),
    ),
    Accepted(
        "no batch is a command of another",
        "batch.md",
        ("batch: in a batch: ERROR_BATCH_METHOD_NOT_ALLOWED",),
    ),
    Accepted(
        "`any` is the name for all that the caller sends, which comes back in the event",
        "test-handler.md",
        ("event.test: parameter any is not read",),
    ),
    Accepted(
        "a missing parameter is answered with null, as an unknown pair is",
        "bitrix24.md 1.1",
        ("{im,imbot}.chat.get: without {entity_id,entity_type}: a result",),
    ),
    Accepted(
        "one handler serves both methods and checks no membership",
        "bitrix24.md 1.0, 1.1",
        ("imbot.chat.get: ACCESS_ERROR never comes",),
    ),
    Accepted(
        "no states of this portal: guests, a browser's session, a missing module, failures without a reason; a fault"
        " brings each about (POST /faults)",
        "own",
        (
            "imbot.chat.get: AUTHORIZE_ERROR never comes",
            "imbot.{register,update,unregister,bot.list}: WRONG_AUTH_TYPE never comes",
            "imbot.{chat.add,unregister,command.register,command.unregister}: WRONG_REQUEST never comes",
            "imbot.v2.Bot.{register: BOT_REGISTER,unregister: BOT_UNREGISTER}_FAILED never comes",
            "imbot.v2.{Chat.Message.send: SENDING,Command.register: COMMAND_REGISTER}_FAILED never comes",
            "imopenlines.dialog.get: IM_NOT_INSTALLED never comes",
            "im.user.get: ACCESS_DENIED never comes",
        ),
    ),
    Accepted(
        "the pages of v1 list 400 only; by the convention of the source a refusal of access is 403",
        "bitrix24.md 7.1",
        (
            "imbot.{chat.add,message.add}: APP_ID_ERROR with the status 403",
            "imbot.command.{answer,register,update,unregister}: APP_ID_ERROR with the status 403",
        ),
    ),
    Accepted(
        "either of the two suffices",
        "imbot-command-answer.md, bitrix24.md 1.9",
        (
            "imbot.command.answer: the usual call lacks the required parameter command",
            "imbot.register: without properties.{name,last_name}: a result",
        ),
    ),
    Accepted(
        "no code is documented for their absence; what is missing changes nothing",
        "bot-update.md, command-update.md, imbot-command-register.md, batch.md",
        (
            "batch: without cmd: a result",
            "imbot.v2.{Bot,Command}.update: without fields: a result",
            "imbot.command.register: without lang.{language_id,title}: a result",
            "imbot.command.update: without fields.lang.{language_id,title}: a result",
        ),
    ),
    Accepted(
        "pictures and roles of the AI are not stored",
        "own",
        (
            "{im,imbot}.chat.add: parameter avatar is not read",
            "im.chat.add: parameter copilot_main_role is not read",
            "imbot.v2.Bot.{register,update}: BOT_AVATAR_INCORRECT_{SIZE,TYPE} never comes",
        ),
    ),
    Accepted(
        "of a message its text is stored, and in v1 what is below it; nothing that forwards others or quotes them",
        "own",
        (
            "imbot.{message.add,command.answer}: parameter {system,url_preview} is not read",
            "imbot.message.add: parameter skip_connector is not read",
            "imbot.v2.Chat.Message.send: parameter fields.{forwardids,replyid,templateid} is not read",
            "imbot.v2.{Chat.Message.send,Command.answer}: parameter fields.{keyboard,system,urlpreview} is not read",
            "imbot.v2.Command.answer: parameter fields.attach is not read",
        ),
    ),
    Accepted(
        "a message between two users is no bot's",
        "own",
        ("imbot.message.add: parameter {from_user_id,to_user_id} is not read",),
    ),
    Accepted(
        "of a bot's profile names and position are stored",
        "own",
        (
            "imbot.register: parameter properties.{color,email} is not read",
            "imbot.register: parameter properties.personal_{birthday,gender,photo,www} is not read",
            "imbot.update: parameter fields.properties.{color,email} is not read",
            "imbot.update: parameter fields.properties.personal_{birthday,gender,photo,www} is not read",
        ),
    ),
    Accepted(
        "the code is in the change log since 2026-08-06, and not yet on the page",
        "bitrix24.md 1.10",
        ("imbot.v2.Bot.{register,update}: BOT_TOKEN_INVALID_LENGTH 400 is not documented",),
    ),
    Accepted(
        "the last activity of a user who was never active is false",
        "entities.md",
        ("imbot.v2.Bot.{get,list,register,update}: result.users[].lastActivityDate is boolean, in the sample string",),
    ),
    Accepted(
        "of a task what names its chat",
        "tasks-task-get.md",
        (
            "tasks.task.get: result.task.{createdBy,creator,deadline,description,descriptionInBbcode} is missing",
            "tasks.task.get: result.task.{responsible,responsibleId,ufCrmTask,ufMailMessage} is missing",
            "tasks.task.get: result.task.ufTaskWebdavFiles is missing",
            "tasks.task.get: result.task.action.{accept,addFavorite,approve,changeDeadline,complete} is missing",
            "tasks.task.get: result.task.action.{checklist.add,checklist.reorder,checklistAddItems} is missing",
            "tasks.task.get: result.task.action.{create,dayplan.timer.toggle,decline,defer,delegate} is missing",
            "tasks.task.get: result.task.action.{deleteFavorite,disapprove,edit,edit.originator} is missing",
            "tasks.task.get: result.task.action.{edit.plan,elapsedtime.add,favorite.add,favorite.delete} is missing",
            "tasks.task.get: result.task.action.{pause,rate,remove,renew,start,take} is missing",
        ),
    ),
    Accepted(
        "of an object of the CRM what names its clients and chats, and what must not leave the service; the rest of a"
        " lead, which the samples show, does neither",
        "bitrix24.md 10.1",
        (
            "crm.item.get: result.item.{address,birthdate,companyTitle,currencyId,dateClosed,honorific} is missing",
            "crm.item.get: result.item.{dateCreateShort,dateModifyShort,emailMailing,phoneMailing} is missing",
            "crm.item.get: result.item.{icq,skype,isConvert,isManualOpportunity,isReturnCustomer} is missing",
            "crm.item.get: result.item.{lastActivityBy,lastActivityTime,movedBy,movedTime,login} is missing",
            "crm.item.get: result.item.{name,lastName,secondName,shortName,post,opportunity} is missing",
            "crm.item.get: result.item.{originId,originatorId,productId,webformId} is missing",
            "crm.item.get: result.item.parentId{1222,1226,1228,1236,1238,1240,1244,1246,1254,1256} is missing",
            "crm.item.get: result.item.{sourceDescription,sourceId,stageId,stageSemanticId} is missing",
            "crm.item.get: result.item.{statusDescription,utmCampaign,utmContent} is missing",
            "crm.item.get: result.item.{utmMedium,utmSource,utmTerm} is missing",
            "crm.item.list: result.items[].{isManualOpportunity,lastName,name,opportunity} is missing",
            "crm.item.list: result.items[].{sourceId,stageId} is missing",
        ),
    ),
    Accepted(
        "any of the three scopes of users suffices, and the fields depend on it",
        "bitrix24.md 10.6",
        ("user.get: is answered with the scope user_{basic,brief}",),
    ),
    Accepted(
        "of a user what names and classifies; pictures and moments of activity are not stored",
        "own",
        (
            "user.get: parameter {admin_mode,image_resize} is not read",
            "user.current: result.LAST_ACTIVITY_DATE is missing",
            "im.user.get: parameter avatar_hr is not read",
            "im.user.get: result.last_activity_date is boolean, in the sample string",
            "im.user.get: result.phones is boolean, in the sample object",
        ),
    ),
)
