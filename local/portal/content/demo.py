"""What a new portal contains: the documents' examples with their ids, and users of each kind."""

from chat_lookup.clock import Clock
from local.portal.content.chat import Chat
from local.portal.content.content import Content, User
from local.portal.content.crm import FIXED_TYPES, CrmKey, CrmObject
from local.portal.content.open_lines import CLOSED, Session

ADMIN = User(1, "Anna", "Schneider", admin=True)
EMPLOYEES = (User(2, "John", "Smith"), User(3, "Пётр", "Иванов"))
EXTRANET = User(4, "Erika", "Mustermann", kind="extranet")
GUEST = User(5, "Guest", kind="guest")
OTHER_BOT = User(6, "Marta", kind="bot")
CUSTOMER = User(744, "Гость", kind="connector")
VISITOR = User(599, "Гость", kind="connector")

# (chat id, title, entity type, entity id); all employees are in all of them.
_CHATS = (
    (1437, "Deal: 200 office chairs", "CRM", "DEAL|1663"),
    (10, "Lead: request from the site", "CRM", "LEAD|13"),
    (2725, "New Chat Name", "CHAT", "13"),
    (1764, "Гость Telegram", "LINES", "telegrambot|2|209607941|744"),
    (1763, "Гость Live Chat", "LINES", "livechat|22|1775|599"),
    (1582, "Task: order the chairs", "TASKS_TASK", "8293"),
    (1103, "Purchasing", "SONET_GROUP", "133"),
)

_ALSO_IN = {1764: CUSTOMER, 1763: VISITOR, 1103: EXTRANET}

DEAL = CrmKey(FIXED_TYPES["DEAL"], 1663)
CONTACT = CrmKey(FIXED_TYPES["CONTACT"], 42)
COMPANY = CrmKey(FIXED_TYPES["COMPANY"], 7)
_ANSWERED = 40
# The deal's client asked in a live chat first, which is closed, and goes on by Telegram.
_SESSIONS = (
    Session(311, 1763, "livechat", CLOSED, ADMIN.id, (CONTACT,), 1_773_420_615.0),
    Session(343, 1764, "telegrambot", _ANSWERED, ADMIN.id, (DEAL, CONTACT), 1_773_682_918.0),
)


def demo_content(clock: Clock) -> Content:
    """Three employees and their chats; an extranet user in the group, customers in the lines, and two more outside."""
    content = Content()
    employees = (ADMIN, *EMPLOYEES)
    for user in (*employees, *_ALSO_IN.values(), GUEST, OTHER_BOT):
        content.add_user(user)
    employee_ids = frozenset(user.id for user in employees)
    now = clock.now()
    content.crm.put(CrmObject(DEAL, "200 office chairs", (CONTACT.id,), COMPANY.id, created_at=now))
    content.crm.put(CrmObject(COMPANY, "Office Ltd", (CONTACT.id,), created_at=now))
    for chat_id, title, entity_type, entity_id in _CHATS:
        members = employee_ids | {_ALSO_IN[chat_id].id} if chat_id in _ALSO_IN else employee_ids
        content.put_chat(Chat(chat_id, title, ADMIN.id, members, entity_type, entity_id, created_at=now))
    for session in _SESSIONS:
        content.put_session(session)
    return content
