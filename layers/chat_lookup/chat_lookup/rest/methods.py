"""The methods in the platform's format: look-ups by this service, some others by the portal (design 3.2)."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.bitrix24.client import Command, OperatingTime
from chat_lookup.calls.operating_budget import WINDOW
from chat_lookup.calls.operating_time import Operating
from chat_lookup.clock import Clock, Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotFound, InvalidRequest
from chat_lookup.http import php_arrays
from chat_lookup.http.json_fields import whole
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.model import Found, Method, Options
from chat_lookup.portals.api_keys import PASSTHROUGH, ApiKey
from chat_lookup.portals.portal import Portal, ResultForm
from chat_lookup.rest.batch import BATCH, RestBatch
from chat_lookup.rest.errors import FAILURES, METHOD_NOT_FOUND, Refusal, RestFailures, documented
from chat_lookup.rest.forwarding import FORWARDED, Forwarding, command_of
from chat_lookup.rest.own_methods import OWN_METHODS, OwnMethods
from chat_lookup.rest.requests import RestCall
from chat_lookup.rest.responses import RestOutcome, Result, time_of

if TYPE_CHECKING:
    from chat_lookup.lookup.find_many import Many

LOOK_UPS: Final[Mapping[str, Method]] = {"im.chat.get": Method.IM, "imbot.chat.get": Method.IMBOT}
"""Each returns what that very method would: its caller does not expect a fallback to similar methods."""


class Caller(NamedTuple):
    """The caller of a request: portal and key, and the deadline of the response."""

    portal: Portal
    key: ApiKey
    deadline: Deadline

    def passes(self, call: RestCall) -> bool:
        """Whether it is a method of the portal that `passthrough` allows for this key: of those that the service
        answers by itself, `user.current` in full is one."""
        ours = call.folded in LOOK_UPS or call.folded in FORWARDED or call.folded == BATCH
        return not ours and PASSTHROUGH in self.key.scopes and call.folded in self.key.passthrough


class RestMethods:
    """Returns the outcomes of calls of methods."""

    def __init__(
        self,
        lookup: Lookup,
        many: "Callable[[], Many]",
        forwarding: Forwarding,
        own: OwnMethods,
        failures: RestFailures,
        operating: Operating,
        clock: Clock,
    ) -> None:
        self._lookup = lookup
        self._many = many
        self._forwarding = forwarding
        self._own = own
        self._failures = failures
        self._operating = operating
        self._clock = clock

    def answer(self, caller: Caller, call: RestCall) -> RestOutcome:
        """The outcome of one call; a batch's is that of its commands."""
        if call.folded != BATCH:
            (outcome,) = self._answer_all(caller, [call])
            return outcome
        began = self._clock.now()
        batch = RestBatch(call.params, lambda calls: self._answer_all(caller, calls), caller.passes)
        outcomes = batch.run()
        if isinstance(outcomes, Refusal):
            return outcomes
        return Result(outcomes, time_of(began, self._clock.now()))

    def _answer_all(self, caller: Caller, calls: Sequence[RestCall]) -> list[RestOutcome]:
        """The outcomes of independent calls, in order."""
        outcomes: dict[int, RestOutcome] = {}
        looked_up: dict[Options, list[int]] = defaultdict(list)
        own: dict[str, list[int]] = defaultdict(list)
        forwarded: dict[int, Command] = {}
        for place, call in enumerate(calls):
            name = _name_at_the_portal(caller, call)
            if call.folded in LOOK_UPS:
                looked_up[_options(call)].append(place)
            elif name is not None:
                forwarded[place] = command_of(caller.portal, name, call)
            elif call.folded in OWN_METHODS:
                own[call.folded].append(place)
            else:
                outcomes[place] = documented(METHOD_NOT_FOUND)
        for method, places in own.items():
            outcomes.update(dict.fromkeys(places, self._own.outcome(caller.portal, method, caller.deadline)))
        for options, places in looked_up.items():
            found = self._looked_up(caller, [calls[place] for place in places], options)
            outcomes.update(zip(places, found, strict=True))
        changing = any(caller.passes(calls[place]) for place in forwarded)
        commands = list(forwarded.values())
        answered = self._forwarding.outcomes(caller.portal, commands, caller.deadline, changing=changing)
        outcomes.update(zip(forwarded, answered, strict=True))
        return [outcomes[place] for place in range(len(calls))]

    def _looked_up(self, caller: Caller, calls: Sequence[RestCall], options: Options) -> list[RestOutcome]:
        """The outcomes of look-ups with the same options."""
        began = self._clock.now()
        pairs = [_pair(call) for call in calls]
        refs = list(dict.fromkeys(pair for pair in pairs if pair is not None))
        found = dict(zip(refs, self._found(caller, refs, options), strict=True))
        reported = self._operating.last_reported(caller.portal.member_id, calls[0].folded)
        # The portal reports this of a method of which nothing was used.
        time = time_of(began, self._clock.now(), reported or OperatingTime(0.0, began + WINDOW))
        return [self._outcome(found[pair] if pair else None, caller.portal.result_form, time) for pair in pairs]

    def _found(self, caller: Caller, refs: Sequence[EntityRef], options: Options) -> Sequence[Found | Exception]:
        try:
            if len(refs) > 1:
                return self._many().find(caller.portal, refs, options, caller.deadline)
            return [self._lookup.find(caller.portal, ref, options, caller.deadline) for ref in refs]
        except FAILURES as error:
            return [error] * len(refs)

    def _outcome(self, found: Found | Exception | None, form: ResultForm, time: Mapping[str, object]) -> RestOutcome:
        """Not found is a result: null (bitrix24.md 1.0)."""
        if isinstance(found, Found):
            return Result(found.chat_id if form is ResultForm.INT else {"ID": found.chat_id}, time)
        if found is None or (isinstance(found, ChatNotFound) and found.portal_error is None):
            return Result(None, time)
        return self._failures.refusal(found)


def _name_at_the_portal(caller: Caller, call: RestCall) -> str | None:
    """The portal's name of a forwarded method; None for a method that may not be called here."""
    return call.method if caller.passes(call) else FORWARDED.get(call.folded)


def _options(call: RestCall) -> Options:
    """The options of a look-up; an invalid bot id is ignored, like by the platform, which does not read it (1.2)."""
    bot_id = None
    given = php_arrays.text(php_arrays.folded(call.params).get("bot_id"))
    if given and call.folded == "imbot.chat.get":
        try:
            bot_id = whole("BOT_ID", given)
        except InvalidRequest:
            bot_id = None
    return Options(method=LOOK_UPS[call.folded], bot_id=bot_id, any_method=True)


def _pair(call: RestCall) -> EntityRef | None:
    """The pair to look up, or None for what carries no chat: missing, empty or impossible (bitrix24.md 1.1)."""
    params = php_arrays.folded(call.params)
    return EntityRef.or_none(php_arrays.text(params.get("entity_type")), php_arrays.text(params.get("entity_id")))
