"""Methods that are forwarded to the portal: some for every key, others for keys with `passthrough` (design 3.2)."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.error_table import PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import ChatLookupError
from chat_lookup.http import php_arrays
from chat_lookup.portals.portal import Portal
from chat_lookup.rest.batch import BATCH
from chat_lookup.rest.errors import FAILURES, RestFailures
from chat_lookup.rest.requests import RestCall
from chat_lookup.rest.responses import RestOutcome, Result, time_of

_BOT_CHAT: Final = "imbot.v2.Chat.get"
FORWARDED: Final[Mapping[str, str]] = {
    name.lower(): name
    for name in (
        _BOT_CHAT,
        "im.dialog.get",
        "imbot.dialog.get",
        "imopenlines.crm.chat.get",
        "imopenlines.crm.chat.getLastId",
        "method.get",
        "scope",
        "profile",
        "app.info",
    )
}
"""The portal's names by folded ones. Their results are not cached: they change without an event."""
_NEVER_RUN: Final = BitrixError(PROTOCOL, 200, method=BATCH, description="a command was never run")

_Answered: TypeAlias = Answer | Exception
"""The outcome of a call."""


class Forwarding:
    """Calls portals for clients, within the portals' rate limits."""

    def __init__(self, calls: PortalCalls, failures: RestFailures, clock: Clock) -> None:
        self._calls = calls
        self._failures = failures
        self._clock = clock

    def outcomes(
        self, portal: Portal, commands: Sequence[Command], deadline: Deadline, *, changing: bool
    ) -> list[RestOutcome]:
        """The outcomes in order. `changing` commands may change something: none of them is sent twice, here or by SDKs.
        Their outcomes do not affect the portal's state: a method of a caller's choice proves nothing about the portal
        (design 10).

        Several are sent in one request, which the portal counts as one.
        """
        began = self._clock.now()
        answered = self._asked(portal, commands, deadline, teaches=not changing)
        finished = self._clock.now()

        def outcome(each: _Answered) -> RestOutcome:
            if isinstance(each, Answer):
                return Result(each.result, time_of(began, finished, each.time), each.pages)
            refused = self._failures.refusal(each)
            # Our own errors occur before the portal is called; after any other the commands may have been run.
            return refused.final() if changing and not isinstance(each, ChatLookupError) else refused

        return [outcome(each) for each in answered]

    def _asked(
        self, portal: Portal, commands: Sequence[Command], deadline: Deadline, *, teaches: bool
    ) -> Sequence[_Answered]:
        if len(commands) > 1 and all(command.batchable for command in commands):
            try:
                outcomes = self._calls.batch(portal, commands, deadline, teaches=teaches)
            except FAILURES as error:
                return [error] * len(commands)
            return [_NEVER_RUN if outcome is None else outcome for outcome in outcomes]
        return [self._asked_alone(portal, command, deadline, teaches=teaches) for command in commands]

    def _asked_alone(self, portal: Portal, command: Command, deadline: Deadline, *, teaches: bool) -> _Answered:
        try:
            return self._calls.call(portal, command.method, command.params, deadline, teaches=teaches)
        except FAILURES as error:
            return error


def command_of(portal: Portal, name: str, call: RestCall) -> Command:
    """A call as it is sent to the portal: its parameters unchanged, except for a bot's.

    A client has no bot in a portal that has ours: the id of another application's bot is replaced by ours.
    """
    params = call.params
    if name == _BOT_CHAT and portal.bot_id is not None and _without(params, "botid") != params:
        params = {**_without(params, "botid", "bottoken"), "botId": portal.bot_id}
    return Command(name, params)


def _without(params: Mapping[str, object], *variables: str) -> Mapping[str, object]:
    """The parameters but for those that PHP reads as one of these."""
    return {name: value for name, value in params.items() if not php_arrays.is_read_as(name, value, variables)}
