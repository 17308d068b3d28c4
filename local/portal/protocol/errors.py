"""What the portal answers instead of a result: codes, statuses and texts as documented (bitrix24.md 7.1)."""

from collections.abc import Mapping

# code: (HTTP status, text). Also those that only a fault causes: a fault defined by its code alone gets the documented
# status and text.
DOCUMENTED: Mapping[str, tuple[int, str]] = {
    "INTERNAL_SERVER_ERROR": (500, "Internal server error"),
    "ERROR_UNEXPECTED_ANSWER": (500, "Server returned an unexpected response"),
    "QUERY_LIMIT_EXCEEDED": (503, "Too many requests"),
    "OPERATION_TIME_LIMIT": (429, "Method is blocked due to operation time limit."),
    "OVERLOAD_LIMIT": (503, "REST API is blocked due to overload"),
    "ERROR_BATCH_METHOD_NOT_ALLOWED": (405, "Method is not allowed for batch usage"),
    "ERROR_BATCH_LENGTH_EXCEEDED": (400, "Max batch length exceeded"),
    "ERROR_METHOD_NOT_FOUND": (404, "Method not found!"),
    "NO_AUTH_FOUND": (401, "Wrong authorization data"),
    "INVALID_CREDENTIALS": (401, "Invalid request credentials"),
    "INVALID_REQUEST": (400, "Https required"),
    "ACCESS_DENIED": (403, "REST API is available only on commercial plans"),
    "insufficient_scope": (403, "The request requires higher privileges than provided by the webhook token"),
    "expired_token": (401, "The access token provided has expired"),
    "invalid_token": (401, "Unable to get application by token"),
    "user_access_error": (403, "The user does not have access to the application"),
    "authorization_error": (401, "Unable to authorize user"),
    "PORTAL_DELETED": (500, "Portal was deleted"),
    "PAYMENT_REQUIRED": (401, "Subscription has been ended"),
    "ERROR_OAUTH": (401, "Application not installed"),
    "APPLICATION_NOT_FOUND": (401, "Application not found"),
    "NOT_INSTALLED": (401, "Application not installed"),
    "METHOD_CONFIRM_WAITING": (401, "Waiting for confirmation"),
    "METHOD_CONFIRM_DENIED": (403, "Method call denied"),
    "ALLOWED_ONLY_INTRANET_USER": (403, "Allowed only for intranet users"),
    "WRONG_AUTH_TYPE": (403, "Wrong authorization type"),
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": (404, "Manifest is not available"),
    "AUTHORIZE_ERROR": (403, "Method not available for guest session."),
    "ACCESS_ERROR": (403, "You do not have access to the specified dialog"),
    "DIALOG_ID_EMPTY": (400, "Dialog ID can't be empty"),
    "INVALID_FORMAT": (400, "Wrong format of the list of users"),
    "WRONG_REQUEST": (400, "Wrong request"),
    "BOT_ID_ERROR": (400, "Bot not found"),
    "APP_ID_ERROR": (403, "Bot was installed by another application"),
    "BOT_TOKEN_NOT_SPECIFIED": (400, "Bot token is not specified"),
    "BOT_ID_REQUIRED": (400, "Bot ID is required"),
    "BOT_NOT_FOUND": (400, "Bot not found"),
    "BOT_OWNERSHIP_ERROR": (403, "Bot is registered by another application"),
    "PARAMS_REQUIRED": (400, "Required parameters are missing"),
    "BOT_CODE_REQUIRED": (400, "Bot code is required"),
    "BOT_PROPERTIES_REQUIRED": (400, "Bot properties are required"),
    "BOT_CODE_ALREADY_TAKEN": (400, "Bot code is already taken"),
    "BOT_INVALID_TYPE": (400, "Invalid bot type"),
    "BOT_INVALID_EVENT_MODE": (400, "Invalid event mode"),
    "BOT_INVALID_CALLBACK": (400, "Invalid callback URL"),
    "BOT_WEBHOOK_URL_REQUIRED": (400, "Webhook URL is required"),
    "BOT_LIMIT_EXCEEDED": (400, "Bot limit exceeded"),
    "BOT_REGISTER_FAILED": (400, "Bot registration failed"),
    "BOT_TOKEN_INVALID_LENGTH": (400, "Bot token is too long"),
    "BOT_TOKEN_ROTATION_FAILED": (400, "Bot token rotation failed"),
    "COMMAND_REQUIRED": (400, "Command is required"),
    "COMMAND_NAME_INVALID": (400, "Command name is invalid"),
    "COMMAND_NAME_EMPTY": (400, "Command name is empty"),
    "COMMAND_TITLE_REQUIRED": (400, "Command title is required"),
    "COMMAND_NOT_FOUND": (400, "Command not found"),
    "COMMAND_ALREADY_EXISTS": (400, "Command already exists"),
    "COMMAND_REGISTER_FAILED": (400, "Command registration failed"),
    "CODE_ERROR": (400, "Bot code isn't specified"),
    "NAME_ERROR": (400, "Bot name isn't specified"),
    "MAX_COUNT_ERROR": (400, "Has reached the maximum number of bots for application (max: 5)"),
    "COMMAND_ERROR": (400, "Command isn't specified"),
    "COMMAND_ID_ERROR": (400, "Command not found"),
    "LANG_ERROR": (400, "Lang set can't be empty"),
    "EVENT_MESSAGE_ADD_ERROR": (400, 'Handler for "Message add" event isn\'t specified'),
    "EVENT_MESSAGE_UPDATE_ERROR": (400, "Wrong handler URL"),
    "EVENT_MESSAGE_DELETE_ERROR": (400, "Wrong handler URL"),
    "EVENT_WELCOME_MESSAGE_ERROR": (400, 'Handler for "Welcome message" event isn\'t specified'),
    "EVENT_BOT_DELETE_ERROR": (400, 'Handler for "Bot delete" event isn\'t specified'),
    "EVENT_COMMAND_ADD_ERROR": (400, 'Handler for "Command add" event isn\'t specified'),
    "ERROR_EVENT_NOT_FOUND": (400, "Event not found"),
    "ERROR_ARGUMENT": (400, "Argument is null or empty"),
    "ERROR_WRONG_HANDLER_URL": (400, "Wrong handler URL"),
    "ERROR_UNSUPPORTED_PROTOCOL": (400, "Unsupported handler protocol"),
    "ERROR_CORE": (400, "Internal error"),
    "MESSAGE_EMPTY": (400, "Message can't be empty"),
    "ATTACH_ERROR": (400, "Incorrect attach params"),
    "ATTACH_OVERSIZE": (400, "You have exceeded the maximum allowable size of attach"),
    "KEYBOARD_ERROR": (400, "Incorrect keyboard params"),
    "KEYBOARD_OVERSIZE": (400, "You have exceeded the maximum allowable size of keyboard"),
    "MENU_ERROR": (400, "Incorrect menu params"),
    "MENU_OVERSIZE": (400, "You have exceeded the maximum allowable size of menu"),
    "MESSAGE_ID_EMPTY": (400, "Message ID can't be empty"),
    "EMPTY_MESSAGE": (400, "Message is empty"),
    "SENDING_FAILED": (400, "Sending failed"),
    "COMMAND_ANSWER_FAILED": (400, "Command answer failed"),
    "CRM_CHAT_EMPTY_CRM_DATA": (400, "Could not find CRM object"),
    "NOT_FOUND": (400, "Item not found"),
    "INVALID_ARG_VALUE": (400, "Invalid value of an argument"),
    "IM_NOT_INSTALLED": (400, "Messenger is not installed."),
    "USER_NOT_EXISTS": (400, "User does not exist"),
    "ID_EMPTY": (400, "User ID can't be empty"),
    "CODE_EMPTY": (400, "CODE can't be empty"),
    "invalid_client": (400, "Invalid client credentials"),
    "wrong_client": (200, "Unknown client"),
    "invalid_grant": (400, "Invalid grant"),
    "bad_verification_code": (400, "Invalid verification code"),
    "invalid_scope": (403, "The requested scope exceeds that of the application"),
    "BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION": (404, "Method was not found"),
    "BITRIX_REST_V3_EXCEPTION_INSUFFICIENTSCOPEEXCEPTION": (403, "The request requires higher privileges"),
    "BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUNDEXCEPTION": (400, "Entity was not found"),
    "BITRIX_REST_V3_EXCEPTION_INVALIDJSONEXCEPTION": (400, "Invalid JSON"),
    "BITRIX_REST_V3_EXCEPTION_UNKNOWNDTOPROPERTYEXCEPTION": (400, "Unknown field"),
    "BITRIX_REST_V3_EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION": (400, "Error validating request object"),
}
_FOLDED = {code.lower(): row for code, row in DOCUMENTED.items()}
_UNDOCUMENTED = (400, "")


def documented(code: str) -> tuple[int, str]:
    """Status and text of a code in any case; 400 without text for an undocumented code."""
    return _FOLDED.get(code.lower(), _UNDOCUMENTED)


class Refused(Exception):
    """A call that the portal rejects. Status and text are the documented ones where none are given; REST 3 names the
    `field` that is wrong."""

    def __init__(
        self, code: str, status: int | None = None, description: str | None = None, *, field: str = ""
    ) -> None:
        super().__init__(code)
        usual_status, usual_description = documented(code)
        self.code = code
        self.field = field
        self.status = usual_status if status is None else status
        self.description = usual_description if description is None else description
