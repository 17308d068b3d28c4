"""A portal with an application that has a bot of either version, for tests of bot events and bot methods."""

from typing import Any

from tests.support.portals.portal_service import ApplicationProbe

PATH = "/bitrix24/events"
NAME = "Chat Lookup"


class BotProbe(ApplicationProbe):
    """`access_token` is an administrator's; `bot_id` and `command_id` are those of the bot that was registered last."""

    access_token = ""
    bot_id = 0
    command_id = 0

    def with_bot(self, api: str, *, common: bool = True, extranet: bool = False, kind: str = "") -> None:
        """Install the application anew and register one bot with the command `/chatid`."""
        self.installed_afresh()
        self.access_token = self.grant()["access_token"]
        register = self._register_v2 if api == "v2" else self._register_v1
        register(common=common, extranet=extranet, kind=kind)
        self.service.received.clear()

    def call(self, method: str, **params: object) -> tuple[int, Any]:
        return self.call_with(self.access_token, method, **params)

    def say(self, text: str, chat_id: int | None = None, **more: object) -> Any:
        return self.tell("/say", {"text": text, **({"chat_id": chat_id} if chat_id else {}), **more})

    def received_events(self) -> list[dict[str, Any]]:
        """The events received since the last call, in order, as PHP decodes them."""
        forms = [each.form for each in self.service.received]
        self.service.received.clear()
        return forms

    def chat_with_bot(
        self, entity_type: str = "CRM", entity_id: str = "DEAL|500", members: tuple[int, ...] = (1,)
    ) -> int:
        """Create a group chat with the bot as a member; return its id."""
        pair = {"entity_type": entity_type, "entity_id": entity_id}
        chat_id: int = self.tell("/chats", {**pair, "members": [*members, self.bot_id]})["chat_id"]
        return chat_id

    def messages(self) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = self.ask("/messages")
        return kept

    def _register_v2(self, *, common: bool, extranet: bool, kind: str) -> None:
        events = {"eventMode": "webhook", "webhookUrl": self.service.url + PATH, "type": kind or "bot"}
        fields = {"code": "lookup_bot", "properties": {"name": NAME}, **events}
        self.bot_id = self.result("imbot.v2.Bot.register", fields=fields)["bot"]["id"]
        flags = {"common": common, "extranetSupport": extranet}
        command = {"command": "chatid", "title": {"en": "Which chat?"}, **flags}
        registered = self.result("imbot.v2.Command.register", botId=self.bot_id, fields=command)
        self.command_id = registered["command"]["id"]

    def _register_v1(self, *, common: bool, extranet: bool, kind: str) -> None:
        handler, properties = self.service.url + PATH, {"NAME": NAME}
        bot = {"CODE": "lookup_v1", "TYPE": kind or "B", "EVENT_HANDLER": handler, "PROPERTIES": properties}
        self.bot_id = self.result("imbot.register", **bot)
        flags = {"COMMON": "Y" if common else "N", "EXTRANET_SUPPORT": "Y" if extranet else "N"}
        language = [{"LANGUAGE_ID": "en", "TITLE": "Which chat?", "PARAMS": ""}]
        command = {"BOT_ID": self.bot_id, "COMMAND": "chatid", "EVENT_COMMAND_ADD": handler, "LANG": language}
        self.command_id = self.result("imbot.command.register", **command, **flags)
