"""The table of errors, complete against the documents: a row for each code that they name, and no other row."""

import pytest

from chat_lookup.bitrix24.error_table import FAMILIES
from chat_lookup.bitrix24.errors import ROWS, ErrorClass, Where, classify

# The catalogue of bitrix24.md 7.1 and of the pages that came after it, line by line: statuses, class, codes; each block
# under a method that represents its family. REST 3 writes its codes with a prefix.
CATALOGUE = """
any.method
  500 retry        INTERNAL_SERVER_ERROR ERROR_UNEXPECTED_ANSWER
  503 limit        QUERY_LIMIT_EXCEEDED
  429 limit        QUERY_LIMIT_EXCEEDED OPERATION_TIME_LIMIT 100 0 EMPTY ERROR_CORE HTTP_4XX
  503 portal       OVERLOAD_LIMIT
  401 portal       OVERLOAD_LIMIT ACCESS_DENIED user_access_error
  405 config       ERROR_BATCH_METHOD_NOT_ALLOWED
  400 config       ERROR_BATCH_LENGTH_EXCEEDED INVALID_REQUEST
  401 config       INVALID_REQUEST
  401 refresh      NO_AUTH_FOUND expired_token invalid_token
  403 portal       ACCESS_DENIED user_access_error METHOD_CONFIRM_DENIED ALLOWED_ONLY_INTRANET_USER
  403 config       INVALID_CREDENTIALS insufficient_scope WRONG_AUTH_TYPE
  401 config       INVALID_CREDENTIALS insufficient_scope
  404 config       ERROR_MANIFEST_IS_NOT_AVAILABLE ERROR_METHOD_NOT_FOUND
  500 portal       PORTAL_DELETED
  410 portal       PORTAL_DELETED
  403 portal       PORTAL_DELETED
  401 portal       METHOD_CONFIRM_WAITING PAYMENT_REQUIRED
  401 reauthorise  authorization_error
  401 uninstalled  ERROR_OAUTH APPLICATION_NOT_FOUND NOT_INSTALLED
  400 caller       INVALID_ARG_VALUE ERROR_ARGUMENT 100 0 EMPTY ERROR_CORE ERROR_UNKNOWN_ADD_TASK_ERROR
  404 not_found    NOT_FOUND ERROR_NOT_FOUND ERROR_ENTITY_NOT_FOUND
  400 not_found    NOT_FOUND ERROR_NOT_FOUND ERROR_ENTITY_NOT_FOUND
  302 portal       PORTAL_RENAMED
  502 retry        HTTP_5XX
  418 caller       HTTP_4XX
  0   retry        TRANSPORT TIMEOUT
  0   config       ADDRESS_REFUSED
  200 retry        NOT_JSON PROTOCOL
  404 retry        NOT_JSON
oauth/token
  400 config       invalid_request invalid_client
  401 config       invalid_client insufficient_scope invalid_scope
  403 config       insufficient_scope invalid_scope
  200 config       wrong_client
  400 reauthorise  invalid_grant bad_verification_code
  401 portal       PAYMENT_REQUIRED
  401 uninstalled  NOT_INSTALLED
  404 portal       HTTP_4XX
  404 retry        NOT_JSON
  429 retry        HTTP_4XX
  400 retry        100 0 EMPTY ERROR_CORE
  503 retry        HTTP_5XX
oauth/app.info
  401 portal       NO_AUTH_FOUND
imbot.chat.get
  403 config       AUTHORIZE_ERROR
  403 object       ACCESS_ERROR
  400 object       ACCESS_ERROR
im.chat.get
  403 config       AUTHORIZE_ERROR
im.dialog.get
  403 object       ACCESS_ERROR
  400 caller       DIALOG_ID_EMPTY
imbot.dialog.get
  400 object       ACCESS_ERROR
  400 caller       DIALOG_ID_EMPTY
imbot.message.add
  400 caller       DIALOG_ID_EMPTY WRONG_REQUEST MESSAGE_EMPTY ATTACH_ERROR ATTACH_OVERSIZE KEYBOARD_ERROR
  400 caller       KEYBOARD_OVERSIZE MENU_ERROR MENU_OVERSIZE
  400 config       BOT_ID_ERROR
  403 config       APP_ID_ERROR
im.chat.user.add
  400 caller       CHAT_ID_EMPTY USER_ID_EMPTY PARAMS_ERROR
imbot.chat.add
  400 caller       INVALID_FORMAT WRONG_REQUEST
  400 config       BOT_ID_ERROR
  403 config       APP_ID_ERROR
im.user.get
  400 caller       ID_EMPTY
  400 not_found    USER_NOT_EXISTS
  403 object       ACCESS_DENIED
  400 object       ACCESS_DENIED
  401 portal       ACCESS_DENIED
imbot.register
  400 caller       WRONG_REQUEST
  403 config       WRONG_AUTH_TYPE ACCESS_DENIED
  400 config       CODE_ERROR NAME_ERROR MAX_COUNT_ERROR EVENT_MESSAGE_ADD_ERROR EVENT_MESSAGE_UPDATE_ERROR
  400 config       EVENT_MESSAGE_DELETE_ERROR EVENT_WELCOME_MESSAGE_ERROR EVENT_BOT_DELETE_ERROR
imbot.update
  400 config       BOT_ID_ERROR NAME_ERROR
  403 config       WRONG_AUTH_TYPE ACCESS_DENIED
imbot.unregister
  403 config       WRONG_AUTH_TYPE ACCESS_DENIED
imbot.bot.list
  403 config       WRONG_AUTH_TYPE
imbot.command.register
  400 config       EVENT_COMMAND_ADD_ERROR COMMAND_ERROR COMMAND_ID_ERROR LANG_ERROR BOT_ID_ERROR
imbot.command.answer
  400 caller       MESSAGE_ID_EMPTY MESSAGE_EMPTY WRONG_REQUEST
  400 config       COMMAND_ID_ERROR
  403 config       APP_ID_ERROR
imbot.message.update
  400 caller       MESSAGE_ID_ERROR
  403 caller       CANT_EDIT_MESSAGE
imbot.chat.updateTitle
  400 caller       AVATAR_ERROR WRONG_COLOR TITLE_EMPTY
event.bind
  400 config       ERROR_EVENT_NOT_FOUND ERROR_WRONG_HANDLER_URL ERROR_UNSUPPORTED_PROTOCOL ERROR_CORE
  400 caller       ERROR_ARGUMENT
  403 config       ACCESS_DENIED
event.unbind
  403 config       ACCESS_DENIED
app.info
  400 config       ACCESS_DENIED
  403 portal       ACCESS_DENIED
imopenlines.dialog.get
  400 portal       IM_NOT_INSTALLED
  400 not_found    ACCESS_ERROR
  400 caller       DIALOG_ID_EMPTY
imopenlines.crm.chat.get
  400 caller       ERROR_ARGUMENT
  403 object       ACCESS_DENIED
imopenlines.crm.chat.getLastId
  400 not_found    CRM_CHAT_EMPTY_CRM_DATA
crm.item.get
  400 object       ACCESS_DENIED
  400 not_found    NOT_FOUND
  403 object       ALLOWED_ONLY_INTRANET_USER
imbot.v2.Chat.get
  400 config       BOT_TOKEN_NOT_SPECIFIED CLIENT_ID_NOT_SPECIFIED BOT_ID_REQUIRED BOT_NOT_FOUND
  403 config       BOT_OWNERSHIP_ERROR
  400 object       ACCESS_DENIED
  403 object       ACCESS_DENIED
imbot.v2.Chat.Message.send
  400 object       ACCESS_DENIED MESSAGE_ACCESS_DENIED
  403 not_found    MESSAGE_NOT_FOUND
  400 caller       EMPTY_MESSAGE REACTION_NOT_FOUND REACTION_ALREADY_SET
  400 retry        SENDING_FAILED
  403 config       BOT_TYPE_NOT_ALLOWED
imbot.v2.Bot.register
  400 config       PARAMS_REQUIRED BOT_CODE_REQUIRED BOT_PROPERTIES_REQUIRED BOT_CODE_ALREADY_TAKEN BOT_INVALID_TYPE
  400 config       BOT_INVALID_EVENT_MODE BOT_INVALID_CALLBACK BOT_WEBHOOK_URL_REQUIRED BOT_LIMIT_EXCEEDED
  400 config       BOT_AVATAR_INCORRECT_TYPE BOT_AVATAR_INCORRECT_SIZE BOT_TOKEN_INVALID_LENGTH
  400 config       BOT_TOKEN_ROTATION_FAILED
  400 retry        BOT_REGISTER_FAILED BOT_UNREGISTER_FAILED
  403 portal       ACCESS_DENIED
imbot.v2.Command.register
  400 config       COMMAND_REQUIRED COMMAND_NAME_INVALID COMMAND_TITLE_REQUIRED COMMAND_REGISTER_FAILED
  400 config       COMMAND_NOT_FOUND
imbot.v2.Command.update
  400 config       COMMAND_NAME_EMPTY COMMAND_ALREADY_EXISTS COMMAND_NAME_INVALID COMMAND_NOT_FOUND
imbot.v2.Command.answer
  400 retry        COMMAND_ANSWER_FAILED
imbot.v2.Chat.Manager.add
  400 caller       EMPTY_USER_IDS
imbot.v2.Event.get
  403 config       SCOPE_ERROR AUTH_ERROR USER_NOT_SUBSCRIBED
tasks.task.get
  400 caller       v3:VALIDATION_REQUESTVALIDATIONEXCEPTION v3:VALIDATION_DTOVALIDATIONEXCEPTION
  400 config       v3:INVALIDJSONEXCEPTION v3:INVALIDSELECTEXCEPTION v3:INVALIDFILTEREXCEPTION
  400 config       v3:INVALIDPAGINATIONEXCEPTION v3:UNKNOWNDTOPROPERTYEXCEPTION v3:UNKNOWNFILTEROPERATOREXCEPTION
  400 not_found    v3:ENTITYNOTFOUNDEXCEPTION
  404 config       v3:METHODNOTFOUNDEXCEPTION
  403 portal       v3:ACCESSDENIEDEXCEPTION
  403 config       v3:INSUFFICIENTSCOPEEXCEPTION
  422 config       v3:IDEMPOTENCYKEYREUSEDEXCEPTION
  400 config       v3:INVALIDIDEMPOTENCYKEYEXCEPTION
"""


def _documented() -> list[tuple[str, str, int, ErrorClass]]:
    found = []
    method = ""
    for line in filter(None, CATALOGUE.splitlines()):
        if not line.startswith(" "):
            method = line
            continue
        status, error_class, *codes = line.split()
        found += [
            (method, code.replace("v3:", "BITRIX_REST_V3_EXCEPTION_"), int(status), ErrorClass(error_class))
            for code in codes
        ]
    return found


DOCUMENTED = _documented()


@pytest.mark.parametrize(("method", "code", "status", "error_class"), DOCUMENTED)
def test_documented_error_has_its_own_row_with_its_class(
    method: str, code: str, status: int, error_class: ErrorClass
) -> None:
    row = classify(method, code, status)

    assert (row.code, row.error_class) == (code, error_class)


def test_no_row_is_missing_from_the_catalogue() -> None:
    reached = {classify(method, code, status) for method, code, status, _ in DOCUMENTED}

    assert [row for row in ROWS if row not in reached and row.code not in ("OTHER", "HTTP_4XX")] == []


def test_narrower_families_precede_wider_ones() -> None:
    order = list(dict.fromkeys(row.where for row in ROWS))

    assert order == list(FAMILIES) == list(Where)
