"""The walk reports each difference of the kinds that it looks for: the portal is damaged, one method at a time."""

from dataclasses import replace
from typing import Any, Final

import pytest

from local.portal.content import chat_json
from local.portal.methods.call import Call, Method
from local.portal.protocol import php, rest_wire
from local.portal.protocol.errors import Refused
from local.portal.rest import batch, dispatcher
from tests.local.platform import damages
from tests.local.platform.accepted_differences import ACCEPTED, each
from tests.local.platform.damages import Seeded, ignoring, refusing, result, running, scope, supposing
from tests.local.platform.walk import walk


def _as_text(patch: pytest.MonkeyPatch, _: str) -> None:
    """A batch returns texts in place of numbers, as a form would."""
    usual = batch.run

    def run(params: Any, perform: batch.Perform) -> dict[str, object]:
        whole = usual(params, perform)
        return {**whole, "result": {name: str(each) for name, each in php.entries(whole["result"]).items()}}

    patch.setattr(batch, "run", run)


def _alone_only(patch: pytest.MonkeyPatch, name: str) -> None:
    usual = batch.run

    def run(params: Any, perform: batch.Perform) -> dict[str, object]:
        def refused(method: str, inner: Any) -> Any:
            if method == name:
                raise Refused("ERROR_BATCH_METHOD_NOT_ALLOWED")
            return perform(method, inner)

        return usual(params, refused)

    patch.setattr(batch, "run", run)


def _without_totals(patch: pytest.MonkeyPatch, _: str) -> None:
    usual = batch.run

    def run(params: Any, perform: batch.Perform) -> dict[str, object]:
        return {name: each for name, each in usual(params, perform).items() if name != "result_total"}

    patch.setattr(batch, "run", run)


def _longer_batches(patch: pytest.MonkeyPatch, _: str) -> None:
    patch.setattr(batch, "MOST_COMMANDS", 100)


def _in_one_spelling(patch: pytest.MonkeyPatch, name: str) -> None:
    usual = dispatcher._granted

    def granted(grant: Any, asked: str, shape: Any, *, v3: bool) -> Method:
        return usual(grant, asked if asked == name else "no.such.method", shape, v3=v3)

    patch.setattr(dispatcher, "_granted", granted)


def _without_suffix(patch: pytest.MonkeyPatch, _: str) -> None:
    patch.setattr(rest_wire, "method_name", lambda text: text)


def _flat_forms(patch: pytest.MonkeyPatch, _: str) -> None:
    """Brackets in the names of a form are not unfolded."""
    patch.setattr(php, "_keys", lambda name: [name])


def _short_time(patch: pytest.MonkeyPatch, _: str) -> None:
    usual = chat_json.time

    def time(*arguments: float) -> dict[str, object]:
        return {name: value for name, value in usual(*arguments).items() if name != "processing"}

    patch.setattr(chat_json, "time", time)


def _undocumented(patch: pytest.MonkeyPatch, name: str) -> None:
    patch.setitem(damages.dict_of(dispatcher.METHODS), name, Method(name, "im", lambda _: None))


def _number(usual: Method, call: Call) -> object:
    int(call.text("ENTITY_ID").partition("|")[2])
    return usual.run(call)


def _read_in_vain(usual: Method, call: Call) -> object:
    call.text("TITLE")
    return usual.run(replace(call, params={name: each for name, each in call.params.items() if str(name) != "TITLE"}))


def _as_the_caller_is(usual: Method, call: Call) -> object:
    return [usual.run(call)] if call.grant.client_id else usual.run(call)


def _renamed(name: str, other: str, value: Any) -> Any:
    return {other if each == name else each: item for each, item in value.items()}


def _bots_in_text(value: Any) -> Any:
    return {**value, "bots": [{**bot, "id": str(bot["id"])} for bot in value["bots"]]}


def _refused(*_: object) -> object:
    raise Refused("ERROR_CORE")


SEEDED: Final = (
    Seeded("renamed field", "im.chat.get", result(lambda it: it and {"id": it["ID"]}), "result.ID is missing"),
    Seeded(
        "field of the source",
        "im.chat.get",
        result(lambda it: it and {**it, "Id": 1}),
        "result.Id is not in the sample",
    ),
    Seeded("bare number", "im.chat.get", result(lambda it: it and it["ID"]), "result is number, in the sample object"),
    Seeded("number as text", "imbot.chat.add", result(str), "result is string, in the sample number"),
    Seeded(
        "text as number",
        "im.dialog.get",
        result(lambda it: {**it, "dialog_id": 7}),
        "result.dialog_id is number, in the sample string",
    ),
    Seeded(
        "flag as letter",
        "profile",
        result(lambda it: {**it, "ADMIN": "Y"}),
        "result.ADMIN is string, in the sample boolean",
    ),
    Seeded(
        "dropped field",
        "im.dialog.get",
        result(lambda it: _renamed("entity_id", "entityId", it)),
        "result.entity_id is missing",
    ),
    Seeded("list around an object", "app.info", result(lambda it: [it]), "result is array, in the sample object"),
    Seeded("object around an object", "feature.get", result(lambda it: {"result": it}), "result.value is missing"),
    Seeded(
        "object as text",
        "imbot.v2.Chat.get",
        result(lambda it: {"chat": str(it)}),
        "result.chat is string, in the sample object",
    ),
    Seeded("deep type", "imbot.v2.Bot.list", result(_bots_in_text), "result.bots[].id is string, in the sample number"),
    Seeded("list without total", "user.get", result(lambda it: it.items), "total is missing"),
    Seeded("time without a member", "server.time", _short_time, "time.processing is missing"),
    Seeded("parameter dropped", "im.chat.add", ignoring("TITLE"), "parameter title is not read"),
    Seeded(
        "parameter of an object dropped",
        "imbot.v2.Bot.register",
        ignoring("fields", "isHidden"),
        "parameter fields.ishidden is not read",
    ),
    Seeded(
        "parameter of a list dropped",
        "imbot.command.register",
        ignoring("LANG", "PARAMS"),
        "parameter lang.params is not read",
    ),
    Seeded("parameter read in vain", "im.chat.add", running(_read_in_vain), "parameter title has no effect"),
    Seeded("object dropped", "crm.item.list", ignoring("filter"), "parameter filter is not read"),
    Seeded("filter dropped", "imopenlines.crm.chat.get", ignoring("ACTIVE_ONLY"), "parameter active_only is not read"),
    Seeded(
        "default of a required parameter", "imbot.message.add", supposing(MESSAGE="Hello"), "without message: a result"
    ),
    Seeded(
        "default in the other API", "imbot.v2.Chat.get", supposing(dialogId="chat1437"), "without dialogid: a result"
    ),
    Seeded(
        "missing object", "imopenlines.crm.chat.getLastId", supposing(CRM_ENTITY=1663), "without crm_entity: a result"
    ),
    Seeded(
        "missing parameter, foreign code",
        "feature.get",
        refusing("CODE_EMPTY", "PARAMS_ERROR"),
        "without code: PARAMS_ERROR",
    ),
    Seeded(
        "undocumented code",
        "im.dialog.get",
        refusing("ACCESS_ERROR", "CHAT_NOT_FOUND"),
        "CHAT_NOT_FOUND 400 is not documented",
    ),
    Seeded(
        "code of another method",
        "im.user.get",
        refusing("USER_NOT_EXISTS", "USER_ID_EMPTY"),
        "USER_ID_EMPTY 400 is not documented",
    ),
    Seeded(
        "other letters of a code", "crm.item.get", refusing("NOT_FOUND", "not_found"), "not_found 400 is not documented"
    ),
    Seeded(
        "other status",
        "im.dialog.get",
        refusing("ACCESS_ERROR", "ACCESS_ERROR", 404),
        "ACCESS_ERROR with the status 404",
    ),
    Seeded(
        "other status of a common code",
        "event.get",
        refusing("WRONG_AUTH_TYPE", "WRONG_AUTH_TYPE", 401),
        "WRONG_AUTH_TYPE with the status 401",
    ),
    Seeded(
        "code that is gone",
        "imbot.v2.Command.update",
        damages.admitting("COMMAND_ALREADY_EXISTS", None),
        "COMMAND_ALREADY_EXISTS never comes",
    ),
    Seeded(
        "open door to an object",
        "imopenlines.crm.chat.get",
        damages.admitting("ACCESS_DENIED", []),
        "ACCESS_DENIED expected, a result came",
    ),
    Seeded("usual call refused", "scope", running(_refused), "a result expected, ERROR_CORE came"),
    Seeded("no scope needed", "im.chat.get", scope("basic"), "is answered without a scope"),
    Seeded("another scope", "imbot.v2.Bot.list", scope("im"), "is refused with the scope imbot"),
    Seeded("one scope of three", "user.current", scope("user user_brief"), "is refused with the scope user_basic"),
    Seeded("scope too many", "profile", scope("user"), "needs a scope, documented is none"),
    Seeded("one spelling of the name", "im.chat.get", _in_one_spelling, "in upper case: ERROR_METHOD_NOT_FOUND"),
    Seeded("no suffix", "im.chat.get", _without_suffix, "with .json: ERROR_METHOD_NOT_FOUND"),
    Seeded("flat forms", "imbot.v2.Command.update", _flat_forms, "as a form: another result"),
    Seeded("texts in a batch", "im.chat.add", _as_text, "in a batch: another result"),
    Seeded("not in a batch", "im.chat.get", _alone_only, "in a batch: ERROR_BATCH_METHOD_NOT_ALLOWED"),
    Seeded("batch without totals", "batch", _without_totals, "result.result_total is missing"),
    Seeded("longer batches", "batch", _longer_batches, "ERROR_BATCH_LENGTH_EXCEEDED never comes"),
    Seeded(
        "no applications",
        "im.chat.get",
        damages.refusing_callers(True, "WRONG_AUTH_TYPE"),
        "by application: WRONG_AUTH_TYPE",
    ),
    Seeded(
        "another result for applications", "user.admin", running(_as_the_caller_is), "by application: another result"
    ),
    Seeded("webhooks admitted", "app.info", damages.admitting("ACCESS_DENIED", {}), "is answered to a webhook"),
    Seeded("failure by another type", "im.chat.get", running(_number), "ValueError 500 is not documented"),
    Seeded("undocumented method", "im.chat.find", _undocumented, "is not documented"),
    Seeded("method without calls", "im.chat.leave", _undocumented, "has no usual call among the scenes"),
)


@pytest.mark.parametrize("seeded", SEEDED, ids=lambda seeded: seeded.what.replace(" ", "-"))
def test_seeded_difference_is_reported(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = f"{seeded.method}: {seeded.reported}"
    # That the portal as it is differs by these only is tested beside this.
    assert sentence not in {
        difference for row in ACCEPTED for pattern in row.differences for difference in each(pattern)
    }
    seeded.damage(monkeypatch, seeded.method)
    assert sentence in walk(seeded.method).differences


def test_at_least_thirty_differences_are_seeded() -> None:
    assert len({seeded.what for seeded in SEEDED}) == len(SEEDED) >= 30
