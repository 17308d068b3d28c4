"""What a new portal holds: the examples of the documents, under the ids that they have there."""

from chat_lookup.clock import Clock
from local.portal.content import Chat, Content, User

ADMIN = User(1, "Anna", "Schneider", admin=True)
EMPLOYEES = (User(2, "John", "Smith"), User(3, "Пётр", "Иванов"))

# (chat id, title, entity type, entity id, entity data 1); all three users are in all of them.
_CHATS = (
    (1437, "Deal: 200 office chairs", "CRM", "DEAL|1663", ""),
    (10, "Lead: request from the site", "CRM", "LEAD|13", ""),
    (2725, "New Chat Name", "CHAT", "13", ""),
    (1764, "Гость Telegram", "LINES", "telegrambot|2|209607941|744", "Y|DEAL|1663|N|N|343|1773682918|0|0|0"),
    (1582, "Task: order the chairs", "TASKS_TASK", "8293", ""),
    (1103, "Purchasing", "SONET_GROUP", "133", ""),
)


def demo_content(clock: Clock) -> Content:
    """Three users and their chats."""
    content = Content()
    for user in (ADMIN, *EMPLOYEES):
        content.add_user(user)
    everybody = frozenset(content.users)
    for chat_id, title, entity_type, entity_id, data in _CHATS:
        chat = Chat(chat_id, title, ADMIN.id, everybody, entity_type, entity_id, data, created_at=clock.now())
        content.put_chat(chat)
    return content
