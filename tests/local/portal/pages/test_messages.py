"""The messages of frames in their documented forms (bitrix24.md 10.5)."""

from typing import Any

import pytest

from local.portal.pages.messages import Command, read

SID = "5552d735db7b7b4d5c16dd9c272bfe7d"


@pytest.mark.parametrize(
    ("message", "command"),
    [
        (f"getInitData:c1:{SID}", Command("getInitData", None, "c1", SID)),
        (f'resizeWindow:{{"height":600}}:c2:{SID}', Command("resizeWindow", {"height": 600}, "c2", SID)),
        (f'setTitle:{{"title":"a:b:c"}}:c3:{SID}', Command("setTitle", {"title": "a:b:c"}, "c3", SID)),
        (f"setInstallFinish:{{}}::{SID}", Command("setInstallFinish", {}, "", SID)),
        (f"reloadWindow::{SID}", Command("reloadWindow", None, "", SID)),
        (
            {"method": "a:b", "params": {"x": 1}, "callback": "c4", "appSid": SID},
            Command("a:b", {"x": 1}, "c4", SID),
        ),
    ],
)
def test_message_in_a_documented_form_is_a_command(message: object, command: Command) -> None:
    assert read(message) == command


@pytest.mark.parametrize(
    "message",
    [None, 7, [], {}, "", "getInitData", "getInitData:c1:", f"<b>:c1:{SID}", f"setTitle:{{:c1:{SID}", "x" * 70_000,
     {"method": 1, "appSid": SID}],
)  # fmt: skip
def test_whatever_else_a_frame_posts_is_dropped(message: Any) -> None:
    assert read(message) is None


def test_answer_names_the_callback_and_its_json() -> None:
    assert Command("getInitData", None, "c1", SID).answered({"LANG": "ru"}) == 'c1:{"LANG": "ru"}'
