"""The methods answered in the platform's own format: look-ups by us, some others by the portal (design 3.2)."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.bitrix24 import php
from chat_lookup.bitrix24.client import Answer, Command, OperatingTime
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.budget import WINDOW
from chat_lookup.calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotFound, InvalidRequest, StoreUnavailable
from chat_lookup.failures import for_caller
from chat_lookup.fields import whole
from chat_lookup.inquiry import Method
from chat_lookup.keys import PASSTHROUGH, ApiKey
from chat_lookup.lookup import Found, Lookup, Options
from chat_lookup.many import Many
from chat_lookup.operating import Operating
from chat_lookup.records import Portal, ResultForm
from chat_lookup.rest_answers import Outcome, Result, time_of
from chat_lookup.rest_batch import BATCH, Batch
from chat_lookup.rest_errors import METHOD_NOT_FOUND, Refusal, documented, refusal
from chat_lookup.rest_requests import RestCall
from chat_lookup.telemetry import Telemetry

LOOK_UPS: Final[Mapping[str, Method]] = {"im.chat.get": Method.IM, "imbot.chat.get": Method.IMBOT}
"""Each is answered as that very method would: whoever calls it expects nothing of its neighbours."""
BOT_CHAT: Final = "imbot.v2.Chat.get"
FORWARDED: Final[Mapping[str, str]] = {
    name.lower(): name
    for name in (BOT_CHAT, "im.dialog.get", "imbot.dialog.get", "method.get", "scope", "profile", "app.info")
}
"""By folded names. What these answer is not kept: it changes without a sign."""
_FAILURES: Final = (ChatLookupError, BitrixError, ClientError, BotoCoreError)
_NEVER_RUN: Final = BitrixError("PROTOCOL", 200, method=BATCH, description="a command was never run")

_Answered: TypeAlias = Answer | Exception
"""What came of a call to the portal."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is, and by when it must be answered."""

    portal: Portal
    key: ApiKey
    deadline: Deadline

    def passes(self, call: RestCall) -> bool:
        """Whether it is a method of the portal's that its owner lets this key ask for."""
        ours = call.folded in LOOK_UPS or call.folded in FORWARDED or call.folded == BATCH
        return not ours and PASSTHROUGH in self.key.scopes and call.folded in self.key.passthrough


class RestMethods:
    """Answers calls of methods."""

    def __init__(
        self,
        lookup: Lookup,
        many: Callable[[], Many],
        calls: PortalCalls,
        operating: Operating,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._lookup = lookup
        self._many = many
        self._calls = calls
        self._operating = operating
        self._telemetry = telemetry
        self._clock = clock

    def answer(self, caller: Caller, call: RestCall) -> Outcome:
        """The outcome of one call; a batch's is that of its commands."""
        if call.folded != BATCH:
            (outcome,) = self._answer_all(caller, [call])
            return outcome
        began = self._clock.now()
        batch = Batch(call.params, lambda calls: self._answer_all(caller, calls), caller.passes)
        outcomes = batch.run()
        if isinstance(outcomes, Refusal):
            return outcomes
        return Result(outcomes, time_of(began, self._clock.now()))

    def _answer_all(self, caller: Caller, calls: Sequence[RestCall]) -> list[Outcome]:
        """The outcomes of calls that need nothing of each other, in order."""
        outcomes: dict[int, Outcome] = {}
        looked_up: dict[Options, list[int]] = defaultdict(list)
        forwarded: dict[int, Command] = {}
        for place, call in enumerate(calls):
            name = _name_at_the_portal(caller, call)
            if call.folded in LOOK_UPS:
                looked_up[_options(call)].append(place)
            elif name is None:
                outcomes[place] = documented(METHOD_NOT_FOUND)
            else:
                forwarded[place] = Command(name, _params(caller.portal, name, call))
        for options, places in looked_up.items():
            found = self._looked_up(caller, [calls[place] for place in places], options)
            outcomes.update(zip(places, found, strict=True))
        changing = any(caller.passes(calls[place]) for place in forwarded)
        told = self._told_by_the_portal(caller, list(forwarded.values()), changing=changing)
        outcomes.update(zip(forwarded, told, strict=True))
        return [outcomes[place] for place in range(len(calls))]

    def _looked_up(self, caller: Caller, calls: Sequence[RestCall], options: Options) -> list[Outcome]:
        """The outcomes of look-ups that are made in one way."""
        began = self._clock.now()
        pairs = [_pair(call) for call in calls]
        refs = list(dict.fromkeys(pair for pair in pairs if pair is not None))
        found = dict(zip(refs, self._found(caller, refs, options), strict=True))
        told = self._operating.last_told(caller.portal.member_id, calls[0].folded)
        # As the portal tells it of a method of which nothing was used.
        time = time_of(began, self._clock.now(), told or OperatingTime(0.0, began + WINDOW))
        return [self._outcome(found[pair] if pair else None, caller.portal.result_form, time) for pair in pairs]

    def _found(
        self, caller: Caller, refs: Sequence[EntityRef], options: Options
    ) -> Sequence[Found | ChatLookupError | ClientError | BotoCoreError]:
        try:
            if len(refs) > 1:
                return self._many().find(caller.portal, refs, options, caller.deadline)
            return [self._lookup.find(caller.portal, ref, options, caller.deadline) for ref in refs]
        except (ChatLookupError, ClientError, BotoCoreError) as error:
            return [error] * len(refs)

    def _outcome(self, found: Found | Exception | None, form: ResultForm, time: Mapping[str, object]) -> Outcome:
        """Not found is a result: null (bitrix24.md 1.0)."""
        if isinstance(found, Found):
            return Result(found.chat_id if form is ResultForm.INT else {"ID": found.chat_id}, time)
        if found is None or (isinstance(found, ChatNotFound) and found.portal_error is None):
            return Result(None, time)
        return self._refusal(found)

    def _told_by_the_portal(self, caller: Caller, commands: Sequence[Command], *, changing: bool) -> list[Outcome]:
        """What the portal itself answers, within its pace; several commands in one request, which it counts as one."""
        began = self._clock.now()
        answered = self._asked(caller, commands)
        finished = self._clock.now()
        outcomes: list[Outcome] = []
        for each in answered:
            if isinstance(each, Answer):
                outcomes.append(Result(each.result, time_of(began, finished, each.time), each.pages))
                continue
            refused = self._refusal(each)
            # Whether it was carried out is not known, and 503 would have clients send it again.
            uncertain = changing and not isinstance(each, ChatLookupError)
            outcomes.append(refused.final() if uncertain else refused)
        return outcomes

    def _asked(self, caller: Caller, commands: Sequence[Command]) -> Sequence[_Answered]:
        if len(commands) > 1 and all(command.batchable for command in commands):
            try:
                outcomes = self._calls.batch(caller.portal, commands, caller.deadline)
            except _FAILURES as error:
                return [error] * len(commands)
            return [_NEVER_RUN if outcome is None else outcome for outcome in outcomes]
        return [self._asked_alone(caller, command) for command in commands]

    def _asked_alone(self, caller: Caller, command: Command) -> _Answered:
        try:
            return self._calls.call(caller.portal, command.method, command.params, caller.deadline)
        except _FAILURES as error:
            return error

    def _refusal(self, error: Exception) -> Refusal:
        if isinstance(error, BitrixError):
            error = for_caller(error, self._clock.now())
        elif not isinstance(error, ChatLookupError):
            self._telemetry.fault("a store failed", error)
            error = StoreUnavailable(retry_after=1)
        return refusal(error)


def _name_at_the_portal(caller: Caller, call: RestCall) -> str | None:
    """What a call that the portal answers is called there; None for one that nobody may make here."""
    return call.method if caller.passes(call) else FORWARDED.get(call.folded)


def _options(call: RestCall) -> Options:
    """How to look up; a bot that is none is passed over, as by the platform, which does not read it (1.2)."""
    bot_id = None
    given = php.text(php.folded(call.params).get("bot_id"))
    if given and call.folded == "imbot.chat.get":
        try:
            bot_id = whole("BOT_ID", given)
        except InvalidRequest:
            bot_id = None
    return Options(method=LOOK_UPS[call.folded], bot_id=bot_id)


def _pair(call: RestCall) -> EntityRef | None:
    """The pair to look up, or None for what carries no chat: missing, empty or impossible (bitrix24.md 1.1)."""
    params = php.folded(call.params)
    try:
        return EntityRef(php.text(params.get("entity_type")), php.text(params.get("entity_id")))
    except InvalidRequest:
        return None


def _params(portal: Portal, name: str, call: RestCall) -> Mapping[str, object]:
    """The parameters as they came; a bot of somebody else's application gives its place to ours."""
    if name != BOT_CHAT or portal.bot_id is None or "botid" not in php.folded(call.params):
        return call.params
    others = {name: value for name, value in call.params.items() if name.lower() not in ("botid", "bottoken")}
    return {**others, "botId": portal.bot_id}
