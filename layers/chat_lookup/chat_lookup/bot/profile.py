"""How the bot is registered: its code and its command."""

from typing import Final

CODE: Final = "chat_lookup"
COMMAND: Final = "chatid"
