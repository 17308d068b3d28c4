"""Which method answers: im.chat.get, its elder, and the neighbours that know a chat when those say null (design 5)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.result import ChatDetails, chat_id_from, details_from, shape_of
from chat_lookup.calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalMisconfigured
from chat_lookup.portals import Portals
from chat_lookup.records import Portal
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Grant

Decoded = TypeVar("Decoded")

IM: Final = "im.chat.get"
IMBOT: Final = "imbot.chat.get"


class Method(StrEnum):
    """What a caller may ask for with `method=`."""

    AUTO = "auto"
    IM = "im"
    IMBOT = "imbot"


_CHAT_GET: Final[Mapping[Method, tuple[tuple[str, str], ...]]] = {
    Method.AUTO: ((IM, "im"), (IMBOT, "imbot")),
    Method.IM: ((IM, "im"),),
    Method.IMBOT: ((IMBOT, "imbot"),),
}
"""Methods to try in order, each with the scope that it needs. Both find the same chats (bitrix24.md 1.0)."""

_NOT_GRANTED: Final = frozenset({"insufficient_scope", "error_method_not_found"})
"""Folded codes that say the portal lacks this method for us, so that another may do (bitrix24.md 1.3.2)."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the portal answered: the chat's id or None, and the method that answered last."""

    chat_id: int | None
    method: str


class Asking:
    """Asks a portal for a chat's id, and for its details, by whichever method it allows."""

    def __init__(self, calls: PortalCalls, portals: Portals, telemetry: Telemetry) -> None:
        self._calls = calls
        self._portals = portals
        self._telemetry = telemetry

    def chat_id(
        self, portal: Portal, ref: EntityRef, deadline: Deadline, *, method: Method = Method.AUTO, bot_id: int | None
    ) -> Said:
        """The chat that carries the pair.

        With `method=auto` a null is not the last word for LINES and TASK: the methods that know those are asked too.
        Raises `BitrixError`, and what `PortalCalls.call` raises.
        """
        if method is Method.AUTO and ref.entity_type == "TASK":
            return self._task(portal, ref, deadline, bot_id)
        said = self._chat_get(portal, ref, deadline, method, bot_id)
        if said.chat_id is None and method is Method.AUTO and ref.entity_type == "LINES":
            return self._open_line(portal, ref, deadline, said)
        return said

    def details(
        self, portal: Portal, chat_id: int, deadline: Deadline, *, bot_id: int | None
    ) -> tuple[ChatDetails, str]:
        """A chat's details, by the first method that gives them, and that method's name.

        Raises the last refusal, as `BitrixError`, if none does.
        """
        refusal: BitrixError | None = None
        for name, params in self._details_methods(portal, chat_id, bot_id):
            try:
                return self._details_in(self._calls.call(portal, name, params, deadline).result), name
            except BitrixError as error:
                refusal = error
                if error.error_class not in (ErrorClass.OBJECT, ErrorClass.CONFIG, ErrorClass.NOT_FOUND):
                    break
        raise refusal or _no_method()

    def details_for(self, portal: Portal, chat_id: int, user_token: str, deadline: Deadline) -> ChatDetails:
        """A chat's details as one user of the portal sees them, asked with his own token.

        `im.chat.get` checks no membership; `im.dialog.get` does (bitrix24.md 9, row 5). Raises `BitrixError`.
        """
        grant = Grant(Endpoint(f"https://{portal.domain}/rest/", user_token), "")
        answer = self._calls.call_with(grant, portal, "im.dialog.get", {"DIALOG_ID": f"chat{chat_id}"}, deadline)
        return self._details_in(answer.result)

    def last_word(self, ref: EntityRef, method: Method) -> bool:
        """Whether a null, asked for with this `method`, is what `auto` would have said too."""
        return method is Method.AUTO or ref.entity_type not in ("LINES", "TASK")

    def _chat_get(self, portal: Portal, ref: EntityRef, deadline: Deadline, method: Method, bot_id: int | None) -> Said:
        candidates = _CHAT_GET[method]
        granted = [each for each in candidates if portal.grants(each[1])] or list(candidates)
        for name, scope in granted:
            params: dict[str, object] = {"ENTITY_TYPE": ref.entity_type, "ENTITY_ID": ref.entity_id}
            if name == IMBOT and bot_id is not None:
                # Known from one old page only, and harmless (bitrix24.md 1.2).
                params["BOT_ID"] = bot_id
            try:
                answer = self._calls.call(portal, name, params, deadline)
            except BitrixError as error:
                if error.code.casefold() not in _NOT_GRANTED or (name, scope) == granted[-1]:
                    raise
                portal = self._portals.lacks_scope(portal, scope)
                continue
            return Said(self._decoded(answer.result), name)
        raise PortalMisconfigured(f"The portal grants no scope for {method}")

    def _decoded(self, result: object) -> int | None:
        self._telemetry.count("ResultShape", shape=shape_of(result))
        return self._read(chat_id_from, result)

    def _details_in(self, result: object) -> ChatDetails:
        return self._read(details_from, result)

    def _read(self, decode: Callable[[object], Decoded], result: object) -> Decoded:
        """Decode what came; what cannot be read is an error of the portal's like any other."""
        try:
            return decode(result)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            raise

    def _open_line(self, portal: Portal, ref: EntityRef, deadline: Deadline, said: Said) -> Said:
        """imopenlines.dialog.get finds some that im.chat.get does not; its ACCESS_ERROR means not found (1.19)."""
        if portal.scopes is None or "imopenlines" not in portal.scopes:
            return said
        method = "imopenlines.dialog.get"
        try:
            answer = self._calls.call(portal, method, {"USER_CODE": ref.entity_id}, deadline)
        except BitrixError as error:
            if error.error_class in (ErrorClass.OBJECT, ErrorClass.NOT_FOUND):
                return Said(None, method)
            raise
        return Said(self._details_in(answer.result).chat_id, method)

    def _task(self, portal: Portal, ref: EntityRef, deadline: Deadline, bot_id: int | None) -> Said:
        """A task's chat stands under TASKS_TASK (new card) or TASKS (old one); else the task itself names it (1.20)."""
        said = Said(None, IM)
        for entity_type in ("TASKS_TASK", "TASKS"):
            said = self._chat_get(portal, EntityRef(entity_type, ref.entity_id), deadline, Method.AUTO, bot_id)
            if said.chat_id is not None:
                return said
        if portal.scopes is None or "task" not in portal.scopes:
            return said
        method = "tasks.task.get"
        try:
            answer = self._calls.call(portal, method, {"taskId": ref.entity_id, "select": ["ID", "CHAT_ID"]}, deadline)
        except BitrixError as error:
            if error.error_class in (ErrorClass.OBJECT, ErrorClass.NOT_FOUND, ErrorClass.CALLER):
                return Said(None, method)
            raise
        return Said(_chat_of_task(answer.result), method)

    def _details_methods(
        self, portal: Portal, chat_id: int, bot_id: int | None
    ) -> Iterator[tuple[str, Mapping[str, object]]]:
        dialog = f"chat{chat_id}"
        bot = bot_id if bot_id is not None else portal.bot_id
        if bot is not None and portal.grants("imbot"):
            yield "imbot.v2.Chat.get", {"botId": bot, "dialogId": dialog}
        if portal.grants("im"):
            yield "im.dialog.get", {"DIALOG_ID": dialog}
        if portal.grants("imbot"):
            yield "imbot.dialog.get", {"DIALOG_ID": dialog}


def _no_method() -> PortalMisconfigured:
    return PortalMisconfigured("The portal grants no scope that shows a chat's details")


def _chat_of_task(result: object) -> int | None:
    """The chat that a task names: `chat.id` in the new format, a field of its own in the old (bitrix24.md 1.19)."""
    task = result.get("task", result) if isinstance(result, Mapping) else None
    if not isinstance(task, Mapping):
        return None
    chat = task.get("chat")
    candidates = [chat.get("id") if isinstance(chat, Mapping) else None, task.get("chatId"), task.get("CHAT_ID")]
    return next((found for found in map(chat_id_from, candidates) if found is not None), None)
