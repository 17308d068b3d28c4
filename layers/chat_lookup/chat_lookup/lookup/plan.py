"""What a portal is asked about one pair, call after call: im.chat.get, its elder, and the neighbours (design 5).

An inquiry is a generator. It yields the call to make next, is sent what came of it, and returns what it found out: so
the same one is made alone (`plan_runner`) or in batches beside others (`batch_runner`).
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.results import ChatDetails, chat_id_from, details_from, shape_of
from chat_lookup.entity import EntityRef, other_name
from chat_lookup.errors import PortalMisconfigured
from chat_lookup.lookup.model import Method, Said
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

_NOT_GRANTED: Final = frozenset({"insufficient_scope", "error_method_not_found"})
"""Folded codes that say the portal lacks this method for us, so that another may do (bitrix24.md 1.3.2)."""
_SPENT: Final = "OPERATION_TIME_LIMIT"
"""Stops one method and no other (bitrix24.md 6.2): another may do meanwhile."""
_CALLS: Final[Mapping[str, int]] = {"TASK": 3, "LINES": 2}
"""How many calls it may take until a null is the last word, where it is more than one."""


class Rights:
    """What a portal grants, as far as it is known by now to all that is asked of it at once."""

    def __init__(self, portal: Portal, portals: Portals) -> None:
        self.portal = portal
        self._portals = portals
        self._lacking: set[str] = set()

    def grants(self, scope: str) -> bool:
        """Whether a scope may be tried: granted, or not known."""
        return scope not in self._lacking and self.portal.grants(scope)

    def knows(self, scope: str) -> bool:
        """Whether a scope is granted for certain."""
        return self.portal.scopes is not None and self.grants(scope)

    def lacks(self, scope: str) -> None:
        """Remember that the portal refused a scope."""
        if scope not in self._lacking:
            self._lacking.add(scope)
            # What the store does not take, the next look-up finds out again.
            with suppress(*FAILED):
                self.portal = self._portals.lacks_scope(self.portal, scope)


def most_calls(ref: EntityRef, method: Method) -> int:
    """How many calls an inquiry may take one after the other, if all scopes are granted."""
    return _most_calls(ref) if method is Method.AUTO else 1


def last_word(ref: EntityRef, method: Method) -> bool:
    """Whether a null, asked for with this `method`, is what `auto` would have said too."""
    return method is Method.AUTO or _most_calls(ref) == 1


def _most_calls(ref: EntityRef) -> int:
    return 2 if other_name(ref) else _CALLS.get(ref.entity_type, 1)


class Inquiries:
    """Makes inquiries. What they raise, `BitrixError` first of all, comes out where they are sent to."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def chat(self, rights: Rights, ref: EntityRef, method: Method, bot_id: int | None) -> Inquiry[Said]:
        """The chat that carries the pair.

        With `method=auto` a null is not the last word for LINES and TASK: the methods that know those are asked too;
        nor for a smart invoice, which has two names.
        """
        if method is Method.AUTO and ref.entity_type == "TASK":
            return (yield from self._task(rights, ref, bot_id))
        said = yield from self._chat_get(rights, ref, method, bot_id)
        if said.chat_id is not None or method is not Method.AUTO:
            return said
        if ref.entity_type == "LINES":
            return (yield from self._open_line(rights, ref, said))
        other = other_name(ref)
        return said if other is None else (yield from self._chat_get(rights, other, method, bot_id))

    def details(self, rights: Rights, chat_id: int, bot_id: int | None) -> Inquiry[tuple[ChatDetails, str]]:
        """A chat's details, by the first method that gives them, and that method's name; else the last refusal."""
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
        return self._read(details_from, _result(answer))

    def _chat_get(self, rights: Rights, ref: EntityRef, method: Method, bot_id: int | None) -> Inquiry[Said]:
        candidates = _CHAT_GET[method]
        granted = [each for each in candidates if rights.grants(each[1])] or list(candidates)
        refusal: BitrixError | None = None
        for name, scope in granted:
            params: dict[str, object] = {"ENTITY_TYPE": ref.entity_type, "ENTITY_ID": ref.entity_id}
            if name == IMBOT and bot_id is not None:
                # Known from one old page only, and harmless (bitrix24.md 1.2).
                params["BOT_ID"] = bot_id
            answer = yield Command(name, params)
            if isinstance(answer, Answer):
                return Said(self._chat_id(answer.result), name)
            lacking = answer.code.casefold() in _NOT_GRANTED
            if not lacking and answer.metric_code != _SPENT:
                raise answer
            if lacking and (name, scope) != granted[-1]:
                rights.lacks(scope)
            # Of two refusals the one to tell is that which ends by itself.
            refusal = answer if refusal is None or refusal.metric_code != _SPENT else refusal
        raise refusal or PortalMisconfigured(f"The portal grants no scope for {method}")

    def _open_line(self, rights: Rights, ref: EntityRef, said: Said) -> Inquiry[Said]:
        """imopenlines.dialog.get finds some that im.chat.get does not; its ACCESS_ERROR means not found (1.19)."""
        if not rights.knows("imopenlines"):
            return said
        method = "imopenlines.dialog.get"
        answer = yield Command(method, {"USER_CODE": ref.entity_id})
        if isinstance(answer, BitrixError) and answer.error_class in (ErrorClass.OBJECT, ErrorClass.NOT_FOUND):
            return Said(None, method)
        return Said(self.details_in(answer).chat_id, method)

    def _task(self, rights: Rights, ref: EntityRef, bot_id: int | None) -> Inquiry[Said]:
        """A task's chat stands under TASKS_TASK (new card) or TASKS (old one); else the task itself names it (1.20)."""
        said = Said(None, IM)
        for entity_type in ("TASKS_TASK", "TASKS"):
            said = yield from self._chat_get(rights, EntityRef(entity_type, ref.entity_id), Method.AUTO, bot_id)
            if said.chat_id is not None:
                return said
        if not rights.knows("task"):
            return said
        method = "tasks.task.get"
        answer = yield Command(method, {"taskId": ref.entity_id, "select": ["ID", "CHAT_ID"]})
        not_found = (ErrorClass.OBJECT, ErrorClass.NOT_FOUND, ErrorClass.CALLER)
        if isinstance(answer, BitrixError) and answer.error_class in not_found:
            return Said(None, method)
        return Said(_chat_of_task(_result(answer)), method)

    def _chat_id(self, result: object) -> int | None:
        self._telemetry.count("ResultShape", shape=shape_of(result))
        return self._read(chat_id_from, result)

    def _read(self, decode: Callable[[object], Decoded], result: object) -> Decoded:
        """Decode what came; what cannot be read is an error of the portal's like any other."""
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
