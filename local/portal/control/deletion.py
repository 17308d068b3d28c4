"""Control of what vanishes from the portal: chats, and objects of the CRM."""

from local.portal.control.crm import read_key
from local.portal.control.fields import ControlError, Fields
from local.portal.control.routes import Query, Route
from local.portal.state import State


class DeletionControl:
    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> tuple[Route, ...]:
        return (Route("POST", "/delete", self._delete),)

    def _delete(self, _: Query, body: object) -> object:
        """Deletes a chat by `chat_id`, or an object of the CRM by `type` and `id`; its chats stay."""
        fields = Fields(body)
        if fields.has("chat_id"):
            chat_id = fields.whole("chat_id")
            fields.finish()
            found = self._state.content.remove_chat(chat_id)
        else:
            key = read_key(fields)
            fields.finish()
            found = self._state.content.crm.remove(key)
        if not found:
            raise ControlError("there is nothing with this id", 404)
        return {}
