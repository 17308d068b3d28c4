"""How each row of the error table is produced: the fault of the portal, and the request that gets it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chat_lookup.bitrix24.errors import ROWS, ErrorRow, Where
from chat_lookup.credentials.renewal import PATIENCE
from tests.support.portals.unknown_portal import Stage
from tests.support.processes.waiting import until
from tests.support.service import Reply, Service

BOT_ID = 343
"""A bot of the portal, used to request details."""

LOOK_UP = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663&method=im&fresh=true"
OPEN_LINE = "/v1/chats?entity_type=LINES&entity_id=telegrambot%7C2%7C404%7C404&fresh=true"
REVERSE = "/v1/chats/1437"
WITH_DETAILS = f"/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663&fresh=true&expand=chat&bot_id={BOT_ID}"

WAYS: dict[Where, tuple[str, tuple[str, ...]]] = {
    Where.ANY: (LOOK_UP, ("im.chat.get",)),
    Where.REST3: (LOOK_UP, ("im.chat.get",)),
    Where.MESSENGER: (LOOK_UP, ("im.chat.get",)),
    Where.CHAT_GET: (LOOK_UP, ("im.chat.get",)),
    Where.DIALOG_GET: (REVERSE, ("im.dialog.get", "imbot.dialog.get")),
    Where.OPENLINES: (OPEN_LINE, ("imopenlines.dialog.get",)),
    Where.OPENLINES_DIALOG: (OPEN_LINE, ("imopenlines.dialog.get",)),
    Where.V2: (WITH_DETAILS, ("imbot.v2.Chat.get",)),
    Where.V2_CHAT: (WITH_DETAILS, ("imbot.v2.Chat.get",)),
}
"""By family of rows, the request that gets their errors and the methods that fail."""

NOT_ASKED: dict[Where, str] = {
    Where.APP_INFO: "app.info",
    Where.CRM_ITEM: "crm.item.get",
    Where.EVENT_BINDING: "event.bind",
    Where.OPENLINES_CRM: "imopenlines.crm.chat.get",
    Where.REGISTERING: "imbot.register",
    Where.USER_GET: "im.user.get",
}
"""Families whose methods no look-up calls; one method of each."""


@dataclass(frozen=True)
class Trouble:
    """A fault of a portal and our classification of it; `portal_error` is the code in the answer, if there is one."""

    fault: dict[str, object]
    portal_error: str | None
    counted_as: str
    error_class: str


NAMELESS = {
    # To another path: a page in front of the portal. test_renamed_portals.py covers renamed portals.
    "a redirect": Trouble({"status": 302, "body": "", "headers": {"Location": "https://new.bitrix24.com/"}},
                          None, "NOT_JSON", "retry"),
    "a cut connection": Trouble({"drop": True}, None, "TRANSPORT", "retry"),
    "half a body": Trouble({"truncate": 5}, None, "TRANSPORT", "retry"),
    "a page": Trouble({"status": 200, "body": "<html>Sign in</html>"}, None, "NOT_JSON", "retry"),
    "a page of refusal": Trouble({"status": 403, "body": "<html>Blocked</html>"}, None, "NOT_JSON", "retry"),
    "an empty body": Trouble({"status": 200, "body": ""}, None, "NOT_JSON", "retry"),
    "neither result nor error": Trouble({"status": 200, "body": {"time": {}}}, None, "PROTOCOL", "retry"),
    "a list": Trouble({"status": 200, "body": []}, None, "PROTOCOL", "retry"),
    "401 without a code": Trouble({"status": 401, "body": {}}, None, "HTTP_4XX", "retry"),
    "403 without a code": Trouble({"status": 403, "body": {}}, None, "HTTP_4XX", "object"),
    "404 without a code": Trouble({"status": 404, "body": {}}, None, "HTTP_4XX", "config"),
    "418 without a code": Trouble({"status": 418, "body": {}}, None, "HTTP_4XX", "caller"),
    "429 without a code": Trouble({"status": 429, "body": ""}, None, "HTTP_4XX", "limit"),
    "500 without a code": Trouble({"status": 500}, None, "HTTP_5XX", "retry"),
    "502 without a code": Trouble({"status": 502}, None, "HTTP_5XX", "retry"),
    "an empty code": Trouble({"status": 400, "error": ""}, "", "EMPTY", "caller"),
    "401 with a new code": Trouble({"status": 401, "error": "BRAND_NEW"}, "BRAND_NEW", "OTHER", "retry"),
    "403 with a new code": Trouble({"status": 403, "error": "BRAND_NEW"}, "BRAND_NEW", "OTHER", "object"),
    "404 with a new code": Trouble({"status": 404, "error": "BRAND_NEW"}, "BRAND_NEW", "OTHER", "config"),
    "418 with a new code": Trouble({"status": 418, "error": "BRAND_NEW"}, "BRAND_NEW", "OTHER", "caller"),
    "429 with a new code": Trouble({"status": 429, "error": "BRAND_NEW"}, "BRAND_NEW", "OTHER", "limit"),
    "503 with a new code": Trouble({"status": 503, "error": "BRAND_NEW"}, "BRAND_NEW", "OTHER", "retry"),
    "200 with a new code": Trouble({"status": 200, "error": "BRAND_NEW"}, "BRAND_NEW", "OTHER", "caller"),
}  # fmt: skip
"""Faults with no code, an empty one, or an undocumented one. test_errors_of_connections.py covers time-outs and TLS."""

ELSEWHERE = {"TIMEOUT", "ADDRESS_REFUSED", "PORTAL_RENAMED"}
OURS = {each.counted_as for each in NAMELESS.values()} | ELSEWHERE

CODED = [
    (row, status)
    for row in ROWS
    if row.where is not Where.AUTH_SERVER and row.code not in OURS
    for status in row.statuses or (400,)
]
"""Each row with each of its statuses. A webhook never calls the authorisation server."""


def named(case: object) -> str:
    return f"{case.where.value}: {case.code}" if isinstance(case, ErrorRow) else str(case)


def heal(service: Service) -> None:
    """Remove what a failing portal leaves behind, without a cold start, as in a process that goes on serving."""
    service.control("/faults", [])
    # Fill the portal's token bucket, and let cached states of the portal expire.
    service.restore_tables()
    service.clock.advance(31)
    service.mark()


def looked_up(stage: Stage, key: str, error_class: str) -> Reply:
    """The answer to a look-up; meanwhile the clock passes the time before a refused grant counts as dead."""
    if error_class != "reauthorise":
        return stage.look_up(key)
    with ThreadPoolExecutor(1) as beside:
        reply = beside.submit(stage.look_up, key)
        until(lambda: "refused_at" in (stage.record() or {}))
        stage.service.clock.advance(PATIENCE)
        return reply.result()
