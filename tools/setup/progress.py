"""What an operator answered in `./lookup setup`, kept so that an interrupted one need not ask again. Never a secret."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.program import write_private
from tools.lookup.case import Refused

ANSWERS: Final = ("kind", "domain", "client_id", "label")
"""All that is kept. Whether a step is done is not: each looks at the service itself."""


@dataclass(slots=True)
class Progress:
    """The answers of one environment, in a file that only its owner can read."""

    path: Path
    answers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, env: str, environ: Mapping[str, str]) -> "Progress":
        """A file that cannot be read, or is damaged, is as good as none: then each question is asked."""
        state = environ.get("XDG_STATE_HOME") or "~/.local/state"
        path = Path(state).expanduser() / "bitrix24-chat-lookup" / f"{env}-setup.json"
        try:
            read = json.loads(path.read_text("utf-8"))
            kept = {name: str(read[name]) for name in ANSWERS if name in read}
        except (OSError, ValueError, TypeError):
            kept = {}
        return cls(path, kept)

    def keep(self, name: str, value: str) -> None:
        """Raises Refused where the file cannot be written."""
        self.answers[name] = value
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self.path, self.answers)
        except OSError as error:
            raise Refused(
                f"{self.path} cannot be written: {error.strerror}; XDG_STATE_HOME names another folder"
            ) from None

    def forget(self) -> None:
        self.answers.clear()
        self.path.unlink(missing_ok=True)
