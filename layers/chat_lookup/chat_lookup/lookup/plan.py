"""The calls for one pair, one after the other: im.chat.get, the deprecated imbot.chat.get, fallback conventions of the
same entity (design 5).

An inquiry is a generator. It yields the next call, receives its outcome, and returns its finding: so the same one runs
alone (`plan_runner`) or in batches with others (`batch_runner`).
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.error_table import OPERATION_TIME_LIMIT
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.results import ChatDetails, chat_id_from, details_from, shape_of
from chat_lookup.entity import EntityRef, other_name
from chat_lookup.errors import PortalMisconfigured
from chat_lookup.lookup.model import ChatReply, Method, Options
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals

Finding = TypeVar("Finding")
Decoded = TypeVar("Decoded")

Inquiry: TypeAlias = Generator[Command, Answer | BitrixError, Finding]

IM: Final = "im.chat.get"
IMBOT: Final = "imbot.chat.get"
_CHAT_GET: Final[Mapping[Method, tuple[tuple[str, str], ...]]] = {
    Method.AUTO: ((IM, "im"), (IMBOT, "imbot")),
    Method.IM: ((IM, "im"),),
    Method.IMBOT: ((IMBOT, "imbot"),),
}
"""Methods to try in order, each with the scope that it needs. Both find the same chats (bitrix24.md 1.0)."""

NOT_GRANTED: Final = frozenset({"insufficient_scope", "error_method_not_found"})
"""Folded codes of a method that the portal does not grant us: another method may work (bitrix24.md 1.3.2)."""
_CALLS: Final[Mapping[str, int]] = {"TASK": 3, "LINES": 2}
"""How many calls may be needed until a null is final, where it is more than one."""


class Rights:
    """The scopes that a portal grants, shared by all inquiries of one look-up, which also record missing ones."""

    def __init__(self, portal: Portal, portals: Portals) -> None:
        self.portal = portal
        self._portals = portals
        self._lacking: set[str] = set()

    def grants(self, scope: str) -> bool:
        """Whether a scope may be tried: granted, or unknown."""
        return scope not in self._lacking and self.portal.grants(scope)

    def knows(self, scope: str) -> bool:
        """Whether a scope is granted for certain."""
        return self.portal.scopes is not None and self.grants(scope)

    def lacks(self, scope: str) -> None:
        """Remember that the portal refused a scope."""
        if scope not in self._lacking:
            self._lacking.add(scope)
            # If the store refuses the write, the next look-up learns it again.
            with suppress(*FAILED):
                self.portal = self._portals.lacks_scope(self.portal, scope)


def most_calls(ref: EntityRef, method: Method) -> int:
    """How many calls an inquiry may make one after the other, if all scopes are granted."""
    return _most_calls(ref) if method is Method.AUTO else 1


def is_final(ref: EntityRef, method: Method) -> bool:
    """Whether a null found with this `method` is what `auto` would have returned, too."""
    return method is Method.AUTO or _most_calls(ref) == 1


def method_of(options: Options) -> str | None:
    """The platform's method that must have given a stored answer for it to serve; None if any method may have."""
    if options.any_method:
        return None
    methods = _candidates(options.method, options.bot_id)
    return methods[0][0] if len(methods) == 1 else None


def asks_anew(options: Options, portal: Portal) -> bool:
    """Whether no stored answer serves: it is to be fresh, or for another bot than ours, which it was not asked for."""
    foreign_bot = options.bot_id not in (None, portal.bot_id) and not options.any_method
    return options.fresh or foreign_bot


def _candidates(method: Method, bot_id: int | None) -> tuple[tuple[str, str], ...]:
    """The methods to try; with a bot's id the one that takes it, unless the caller chose the other (1.2)."""
    return _CHAT_GET[Method.IMBOT if method is Method.AUTO and bot_id is not None else method]


def _most_calls(ref: EntityRef) -> int:
    return 2 if other_name(ref) else _CALLS.get(ref.entity_type, 1)


class Inquiries:
    """Makes inquiries. Their errors, mostly `BitrixError`, are raised where the generator is resumed."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def chat(self, rights: Rights, ref: EntityRef, method: Method, bot_id: int | None) -> Inquiry[ChatReply]:
        """The chat of the pair.

        With `method=auto` a null is not final for LINES and TASK, for which other methods are called, too, and
        for a smart invoice, which has two names.
        """
        if method is Method.AUTO and ref.entity_type == "TASK":
            return (yield from self._task(rights, ref, bot_id))
        reply = yield from self._chat_get(rights, ref, method, bot_id)
        if reply.chat_id is not None or method is not Method.AUTO:
            return reply
        if ref.entity_type == "LINES":
            return (yield from self._open_line(rights, ref, reply))
        other = other_name(ref)
        return reply if other is None else (yield from self._chat_get(rights, other, method, bot_id))

    def by_one_method(self, rights: Rights, ref: EntityRef) -> Inquiry[ChatReply]:
        """The chat of the pair by its own names only: one call, and a null that is final if `chat` needs no more."""
        return self._chat_get(rights, ref, Method.AUTO, None)

    def details(self, rights: Rights, chat_id: int, bot_id: int | None) -> Inquiry[tuple[ChatDetails, str]]:
        """A chat's details, by the first method that returns them, and its name. Raises the last refusal."""
        refusal: BitrixError | None = None
        for command in _details_commands(rights, chat_id, bot_id):
            try:
                return self.details_in((yield command)), command.method
            except BitrixError as error:
                refusal = error
                if error.error_class not in (ErrorClass.OBJECT, ErrorClass.CONFIG, ErrorClass.NOT_FOUND):
                    break
        raise refusal or PortalMisconfigured("The portal grants no scope that shows a chat's details")

    def details_in(self, answer: Answer | BitrixError) -> ChatDetails:
        """The details in a method's answer. Raises `BitrixError`."""
        return self.read(details_from, _result(answer))

    def _chat_get(self, rights: Rights, ref: EntityRef, method: Method, bot_id: int | None) -> Inquiry[ChatReply]:
        candidates = _candidates(method, bot_id)
        granted = [each for each in candidates if rights.grants(each[1])] or list(candidates)
        refusal: BitrixError | None = None
        for name, scope in granted:
            params: dict[str, object] = {"ENTITY_TYPE": ref.entity_type, "ENTITY_ID": ref.entity_id}
            if bot_id is not None:
                # Known from one old page of imbot.chat.get only, and harmless (bitrix24.md 1.2): the portal decides.
                params["BOT_ID"] = bot_id
            answer = yield Command(name, params)
            if isinstance(answer, Answer):
                return ChatReply(self._chat_id(answer.result), name)
            lacking = answer.code.casefold() in NOT_GRANTED
            if not lacking and answer.metric_code != OPERATION_TIME_LIMIT:
                raise answer
            if lacking and (name, scope) != granted[-1]:
                rights.lacks(scope)
            # Of two refusals the temporary one is raised.
            refusal = answer if refusal is None or refusal.metric_code != OPERATION_TIME_LIMIT else refusal
        raise refusal or PortalMisconfigured(f"The portal grants no scope for {method}")

    def _open_line(self, rights: Rights, ref: EntityRef, reply: ChatReply) -> Inquiry[ChatReply]:
        """imopenlines.dialog.get finds some that im.chat.get does not; its ACCESS_ERROR means not found (1.19)."""
        if not rights.knows("imopenlines"):
            return reply
        method = "imopenlines.dialog.get"
        answer = yield Command(method, {"USER_CODE": ref.entity_id})
        if isinstance(answer, BitrixError) and answer.error_class in (ErrorClass.OBJECT, ErrorClass.NOT_FOUND):
            return ChatReply(None, method)
        return ChatReply(self.details_in(answer).chat_id, method)

    def _task(self, rights: Rights, ref: EntityRef, bot_id: int | None) -> Inquiry[ChatReply]:
        """A task's chat is found by TASKS_TASK (new card) or TASKS (old one); else the task itself names it (1.20)."""
        reply = ChatReply(None, IM)
        for entity_type in ("TASKS_TASK", "TASKS"):
            reply = yield from self._chat_get(rights, EntityRef(entity_type, ref.entity_id), Method.AUTO, bot_id)
            if reply.chat_id is not None:
                return reply
        return (yield from self.task_itself(ref)) if rights.knows("task") else reply

    def task_itself(self, ref: EntityRef) -> Inquiry[ChatReply]:
        """The chat that a task names, for a portal that grants this."""
        method = "tasks.task.get"
        answer = yield Command(method, {"taskId": ref.entity_id, "select": ["ID", "CHAT_ID"]})
        not_found = (ErrorClass.OBJECT, ErrorClass.NOT_FOUND, ErrorClass.CALLER)
        if isinstance(answer, BitrixError) and answer.error_class in not_found:
            return ChatReply(None, method)
        return ChatReply(_chat_of_task(_result(answer)), method)

    def _chat_id(self, result: object) -> int | None:
        self._telemetry.count("ResultShape", shape=shape_of(result))
        return self.read(chat_id_from, result)

    def read(self, decode: Callable[[object], Decoded], result: object) -> Decoded:
        """Decode a result; one that cannot be decoded is logged and counted as an error of the portal's."""
        try:
            return decode(result)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            raise


def _result(answer: Answer | BitrixError) -> object:
    if isinstance(answer, BitrixError):
        raise answer
    return answer.result


def _details_commands(rights: Rights, chat_id: int, bot_id: int | None) -> Iterator[Command]:
    dialog = f"chat{chat_id}"
    bot = bot_id if bot_id is not None else rights.portal.bot_id
    if bot is not None and rights.grants("imbot"):
        yield Command("imbot.v2.Chat.get", {"botId": bot, "dialogId": dialog})
    if rights.grants("im"):
        yield Command("im.dialog.get", {"DIALOG_ID": dialog})
    if rights.grants("imbot"):
        yield Command("imbot.dialog.get", {"DIALOG_ID": dialog})


def _chat_of_task(result: object) -> int | None:
    """The chat that a task names: `chat.id` in the new format, a field of its own in the old (bitrix24.md 1.19)."""
    task = result.get("task", result) if isinstance(result, Mapping) else None
    if not isinstance(task, Mapping):
        return None
    chat = task.get("chat")
    candidates = [chat.get("id") if isinstance(chat, Mapping) else None, task.get("chatId"), task.get("CHAT_ID")]
    return next((found for found in map(chat_id_from, candidates) if found is not None), None)
