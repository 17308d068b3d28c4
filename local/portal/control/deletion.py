"""Control of what vanishes from the portal: messages, chats, and objects of the CRM."""

from local.portal.control.conversation import shown
from local.portal.control.crm import read_key
from local.portal.control.fields import ControlError, Fields
from local.portal.control.routes import Query, Route
from local.portal.events.conversation import Conversation
from local.portal.state import State


class DeletionControl:
    def __init__(self, state: State, conversation: Conversation) -> None:
        self._state = state
        self._conversation = conversation

    def routes(self) -> tuple[Route, ...]:
        return (Route("POST", "/delete", self._delete, sends=True),)

    def _delete(self, _: Query, body: object) -> object:
        """Deletes a message by `message_id`, for which bots get events; or a chat by `chat_id`, or an object of the CRM
        by `type` and `id`, whose chats stay: for these no event is documented."""
        fields = Fields(body)
        if not fields.has("chat_id") and fields.has("message_id"):
            message_id = fields.whole("message_id")
            fields.finish()
            return shown(self._conversation.delete(message_id))
        if fields.has("chat_id"):
            chat_id = fields.whole("chat_id")
            fields.finish()
            with self._state.lock:
                found = self._state.content.remove_chat(chat_id)
        else:
            if not fields.has("type") and not fields.has("id"):
                raise ControlError('"chat_id", "message_id", or "type" with "id" is missing')
            key = read_key(fields)
            fields.finish()
            with self._state.lock:
                found = self._state.content.crm.remove(key)
        if not found:
            raise ControlError("there is nothing with this id", 404)
        return {}
