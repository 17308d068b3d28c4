"""The bot: its questions and its answers."""
