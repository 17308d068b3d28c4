"""What a frame posts to the page around it, and how the page answers (bitrix24.md 10.5)."""

import json
import re
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")
_LONGEST: Final = 64 * 1024


class Command(NamedTuple):
    """One command of a frame. An empty `callback` expects no answer."""

    name: str
    params: object
    callback: str
    app_sid: str

    def answered(self, params: object) -> str:
        """The message that calls the frame's callback."""
        return f"{self.callback}:{json.dumps(params, ensure_ascii=False)}"


def read(message: object) -> Command | None:
    """The command in a message; None for whatever has neither of its forms, which the page drops.

    `<command>:<JSON>:<callback>:<APP_SID>`, or without the JSON, which may have colons; an object for a command with
    one.
    """
    if isinstance(message, dict):
        texts = [message.get(name) for name in ("method", "callback", "appSid")]
        name, callback, app_sid = (each if isinstance(each, str) else "" for each in texts)
        return Command(name, message.get("params"), callback, app_sid) if name else None
    if not isinstance(message, str) or len(message) > _LONGEST:
        return None
    name, _, rest = message.partition(":")
    head, _, app_sid = rest.rpartition(":")
    text, _, callback = head.rpartition(":")
    if not _NAME.fullmatch(name) or not app_sid:
        return None
    try:
        return Command(name, json.loads(text) if text else None, callback, app_sid)
    except ValueError:
        return None
