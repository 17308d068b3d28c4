"""The list of calls never shows a secret, in whatever place a caller put it."""

import json
from collections.abc import Mapping

from local.portal.behaviour.call_log import MASK, CallLog, RecordedCall

CODE, TOKEN = "webhookcode123", "bottoken456"


def listed(params: Mapping[str, object], method: str = "im.chat.get") -> list[dict[str, object]]:
    log = CallLog()
    log.add(RecordedCall(at=1.0, method=method, params=params, status=200, error=None))
    return log.listed((CODE, TOKEN))


def test_credentials_are_masked_by_name_in_any_case_and_depth() -> None:
    params = {"AUTH": "x", "botToken": "y", "inner": [{"Client_Id": "z"}], "ENTITY_ID": "DEAL|1663"}
    assert listed(params)[0]["params"] == {
        "AUTH": MASK,
        "botToken": MASK,
        "inner": [{"Client_Id": MASK}],
        "ENTITY_ID": "DEAL|1663",
    }


def test_credentials_are_masked_inside_batch_commands() -> None:
    command = "imbot.v2.Chat.get?botId=1&botToken=abc&dialogId=chat1&auth=def"
    masked = listed({"cmd": {"a": command}}, "batch")[0]["params"]
    assert masked == {"cmd": {"a": f"imbot.v2.Chat.get?botId=1&botToken={MASK}&dialogId=chat1&auth={MASK}"}}


def test_known_secret_is_masked_in_every_place() -> None:
    params = {"ENTITY_ID": f"a{CODE}b", TOKEN: "name", "deep": {"list": [TOKEN]}}
    shown = json.dumps(listed(params, method=CODE))
    assert CODE not in shown
    assert TOKEN not in shown


def test_short_secret_is_masked_by_its_name_and_blots_out_no_method() -> None:
    log = CallLog()
    params = {"botToken": "t", "DIALOG_ID": "chat1"}
    log.add(RecordedCall(at=1.0, method="im.chat.get", params=params, status=200, error=None))
    [call] = log.listed({"t"})
    assert (call["method"], call["params"]) == ("im.chat.get", {"botToken": MASK, "DIALOG_ID": "chat1"})


def test_call_list_can_be_filtered_by_method_in_any_case() -> None:
    log = CallLog()
    for method in ("im.chat.get", "batch", "im.chat.get"):
        log.add(RecordedCall(at=1.0, method=method, params={}, status=200, error=None))
    assert len(log.listed((), "IM.CHAT.GET")) == 2
    assert len(log.listed(())) == 3
    log.clear()
    assert log.listed(()) == []
