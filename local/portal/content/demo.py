"""What a new portal contains: the documents' examples with their ids, and users of each kind."""

from chat_lookup.clock import Clock
from local.portal.content.chat import Chat
from local.portal.content.content import Content, User

ADMIN = User(1, "Anna", "Schneider", admin=True)
EMPLOYEES = (User(2, "John", "Smith"), User(3, "Пётр", "Иванов"))
EXTRANET = User(4, "Erika", "Mustermann", kind="extranet")
GUEST = User(5, "Guest", kind="guest")
OTHER_BOT = User(6, "Marta", kind="bot")
CUSTOMER = User(744, "Гость", kind="connector")

# (chat id, title, entity type, entity id, entity data 1); all employees are in all of them.
_CHATS = (
    (1437, "Deal: 200 office chairs", "CRM", "DEAL|1663", ""),
    (10, "Lead: request from the site", "CRM", "LEAD|13", ""),
    (2725, "New Chat Name", "CHAT", "13", ""),
    (1764, "Гость Telegram", "LINES", "telegrambot|2|209607941|744", "Y|DEAL|1663|N|N|343|1773682918|0|0|0"),
    (1582, "Task: order the chairs", "TASKS_TASK", "8293", ""),
    (1103, "Purchasing", "SONET_GROUP", "133", ""),
)

_ALSO_IN = {1764: CUSTOMER, 1103: EXTRANET}


def demo_content(clock: Clock) -> Content:
    """Three employees and their chats; an extranet user in the group, a customer in the line, and two more outside."""
    content = Content()
    employees = (ADMIN, *EMPLOYEES)
    for user in (*employees, *_ALSO_IN.values(), GUEST, OTHER_BOT):
        content.add_user(user)
    employee_ids = frozenset(user.id for user in employees)
    for chat_id, title, entity_type, entity_id, data in _CHATS:
        members = employee_ids | {_ALSO_IN[chat_id].id} if chat_id in _ALSO_IN else employee_ids
        chat = Chat(chat_id, title, ADMIN.id, members, entity_type, entity_id, data, created_at=clock.now())
        content.put_chat(chat)
    return content
