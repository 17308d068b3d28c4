"""The pair that Bitrix24 binds a chat to: ENTITY_TYPE and ENTITY_ID, opaque text, kept exactly as given."""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from chat_lookup.errors import InvalidRequest

LONGEST = 255
"""Characters in each part. The vendor documents no length; its column is a varchar(255)."""

_CRM_ID = r"(?:LEAD|DEAL|CONTACT|COMPANY|QUOTE|SMART_INVOICE|DYNAMIC_[1-9][0-9]*)\|[1-9][0-9]*"
_LISTED = r"(?:[A-Z_]+|DYNAMIC_[0-9]{1,9})\|[0-9]{1,15}"
"""Of these the ids that /v1/objects takes."""
_CRM_KINDS = {
    "LEAD": "LEAD LEADS DYNAMIC_1",
    "DEAL": "DEAL DEALS DYNAMIC_2",
    "CONTACT": "CONTACT CONTACTS DYNAMIC_3",
    "COMPANY": "COMPANY COMPANIES DYNAMIC_4",
    "QUOTE": "QUOTE QUOTES DYNAMIC_7",
    "SMART_INVOICE": "SMART_INVOICE SMART_INVOICES",
}
_CRM_KIND_OF = {name: kind for kind, names in _CRM_KINDS.items() for name in names.split()}
"""Names of a CRM type that callers use, and its part of an id."""
_CRM_SHORT = {"L": "LEAD", "D": "DEAL", "C": "CONTACT", "CO": "COMPANY", "Q": "QUOTE", "SI": "SMART_INVOICE"}
"""The short codes of the CRM, which its own ids contain (bitrix24.md 10.1)."""
_SMART_INVOICE = {"DYNAMIC_31": "SMART_INVOICE", "SMART_INVOICE": "DYNAMIC_31"}
"""The CRM's two possible names of a smart invoice; no document states which applies (bitrix24.md 9, row 25)."""
_INVOICE_ID = r"(DYNAMIC_31|SMART_INVOICE)\|([0-9]{1,20})"
_MODULE_TYPES = frozenset(
    {
        "CRM", "TASKS", "TASKS_TASK", "SONET_GROUP", "LINES", "LIVECHAT", "CALENDAR", "MAIL", "CALL", "VIDEOCONF",
    }
)  # fmt: skip
"""Types that the portal's own modules give to chats (bitrix24.md 1.20); all others are applications'."""
_CALL_CHATS = ("CALL", "UNIFY_CALL_CHAT")
"""The pair of the chats in which telephony notes its calls: each user has one."""
_KNOWN_TYPES = frozenset(
    {
        "CRM", "LINES", "LIVECHAT", "TASKS_TASK", "TASKS", "TASK", "CALENDAR", "SONET_GROUP", "CALL", "MAIL",
        "VIDEOCONF", "ANNOUNCEMENT", "AI_ASSISTANT_PRIVATE", "THREAD", "CHAT", "OPEN",
    }
)  # fmt: skip
_OTHER_NAMES = {
    "OPENLINES": "LINES",
    "OPENLINE": "LINES",
    "IMOL": "LINES",
    "GROUP": "SONET_GROUP",
    "WORKGROUP": "SONET_GROUP",
    "PROJECT": "SONET_GROUP",
    "COLLAB": "SONET_GROUP",
    "SONETGROUP": "SONET_GROUP",
    "TASKSTASK": "TASKS_TASK",
    "CALENDAREVENT": "CALENDAR",
    "EMAIL": "MAIL",
}
"""Without separators: events of version 2 write `sonetGroup` and `tasksTask` (bitrix24.md 5.6)."""
_OF_A_CHAT = frozenset({"CHATID", "DIALOGID", "DIALOG"})
"""Names of a chat's own id, without separators."""
_LINES_SEPARATORS = 3
"""An open line's user code has four parts (bitrix24.md 1.20)."""
_CRM_NUMBER = r"(?i)(?:LEAD|DEAL|CONTACT|COMPANY|ORDER|QUOTE|INVOICE|SMART_INVOICE|DYNAMIC_[0-9]{1,6})\\?\|[0-9]{1,9}"
_NUMBER = r"[0-9]{1,6}"
_OBJECT_TYPES = frozenset(
    {"CRM", *_CRM_KINDS, "TASKS_TASK", "TASKS", "TASK", "CALENDAR", "SONET_GROUP", "GROUP", "WORKGROUP", "PROJECT"}
)
"""Types whose ids are numbers of the portal's own objects, with the names that callers use instead."""
_TYPE_NAME = r"(?!.*[0-9]{7}) ?[A-Za-z0-9_.-]{1,64} ?"


@dataclass(frozen=True, slots=True)
class EntityRef:
    """A checked pair. Two are equal only if both texts are equal to the last character (bitrix24.md 1.20)."""

    entity_type: str
    entity_id: str

    def __post_init__(self) -> None:
        """Raises `InvalidRequest`, naming the part, for a pair that no chat can have."""
        _check("entity_type", self.entity_type)
        _check("entity_id", self.entity_id)

    @classmethod
    def or_none(cls, entity_type: str | None, entity_id: str | None) -> "EntityRef | None":
        """The pair, or None for what can never carry a chat, or where a part is missing."""
        try:
            return cls(entity_type or "", entity_id or "")
        except InvalidRequest:
            return None

    @property
    def of_module(self) -> bool:
        """Whether the type is one of the portal's own modules, in any spelling that the portal may take for it: its
        database compares without case, and without spaces at the end (bitrix24.md 1.1)."""
        return self.entity_type.strip().upper() in _MODULE_TYPES

    @property
    def names_one_chat(self) -> bool:
        """False for a pair that several chats carry by design, and for TASK, which no chat carries: look-ups try the
        names of a task's chat instead (bitrix24.md 1.20)."""
        folded = (self.entity_type.strip().upper(), self.entity_id.strip().upper())
        return folded != _CALL_CHATS and folded[0] != "TASK"

    @property
    def loggable_id(self) -> str:
        """The id for logs: the number of an object of the portal as it is, any other id as its pseudonym.

        Ids of open lines, calls, mails and applications contain telephone numbers, addresses and names. Callers send
        them under wrong types, too, so an id is not taken for a number by its type alone (docs/decisions/021).
        """
        kind = self.entity_type.strip().upper()
        is_number = (kind in _OBJECT_TYPES and re.fullmatch(_NUMBER, self.entity_id)) or (
            kind == "CRM" and re.fullmatch(_CRM_NUMBER, self.entity_id)
        )
        return self.entity_id if is_number else pseudonym(self.entity_id)

    @property
    def loggable_type(self) -> str:
        """The type for logs: its pseudonym where it is no name, such as an id in the place of the type."""
        return self.entity_type if re.fullmatch(_TYPE_NAME, self.entity_type) else pseudonym(self.entity_type)


def pseudonym(text: str) -> str:
    """A name for a text that logs must not contain: the same for the same text, so that operators can search for it.

    They compute it themselves (docs/runbook.md, Personal data), and therefore it has no key.
    """
    return "sha256:" + hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def _check(part: str, text: str) -> None:
    if not text:
        raise InvalidRequest(f"{part} is empty")
    if text == "0":
        # PHP calls "0" empty: the portal would answer null whatever it holds (bitrix24.md 1.1, 8 row 27).
        raise InvalidRequest(f'{part} is "0", which the platform treats as not given')
    if len(text) > LONGEST:
        raise InvalidRequest(f"{part} has {len(text)} characters, at most {LONGEST} are allowed")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise InvalidRequest(f"{part} has control characters or broken text")


def other_name(ref: EntityRef) -> EntityRef | None:
    """The pair that may name the same object, if it is a smart invoice."""
    invoice = re.fullmatch(_INVOICE_ID, ref.entity_id) if ref.entity_type == "CRM" else None
    return EntityRef("CRM", f"{_SMART_INVOICE[invoice[1]]}|{invoice[2]}") if invoice else None


def hint(ref: EntityRef) -> str | None:
    """What looks wrong about a pair that was not found, as one sentence; None if nothing does (bitrix24.md 1.20)."""
    for part, text in (("entity_type", ref.entity_type), ("entity_id", ref.entity_id)):
        if text != text.strip():
            return f"{part} begins or ends with a space, and the portal compares every character."
    if "\\|" in ref.entity_id or "%7c" in ref.entity_id.lower():
        return "entity_id has an escaped separator; the platform's own is a plain | (percent-encode it only once)."
    return _hint_on_dialog(ref) or _hint_on_type(ref) or _hint_on_id(ref)


def _hint_on_dialog(ref: EntityRef) -> str | None:
    """For the id of a chat or a dialog in the place of an entity's."""
    named = re.fullmatch(_DIALOG, ref.entity_id)
    if named is None:
        return None
    number, kind = named["number"], named["kind"].lower()
    folded = _folded(ref.entity_type)
    if kind == "chat" or (not kind and folded in _OF_A_CHAT):
        return f"This is a chat's own id, not an entity's: GET /v1/chats/{number} returns the entity of chat {number}."
    if kind == "sg":
        return (
            f"sg… is a group's dialog id; its entity_type is SONET_GROUP, and its entity_id the number alone: {number}."
        )
    if folded in ("CHAT", "OPEN", "THREAD"):
        return f"If {number} is a chat's own id, GET /v1/chats/{number} returns its entity."
    return None


def _hint_on_type(ref: EntityRef) -> str | None:
    upper, folded = ref.entity_type.upper(), _folded(ref.entity_type)
    kind = _crm_kind(re.sub(r"[\s|:-]", "_", upper).removeprefix("CRM_"))
    if kind is not None:
        number = _number_in(ref.entity_id)
        return f"Objects of the CRM are looked up with entity_type CRM and entity_id {kind}|{number or '<its id>'}."
    if folded in _OTHER_NAMES and ref.entity_type not in _KNOWN_TYPES:
        return f"The platform's name for this is entity_type {_OTHER_NAMES[folded]}."
    if folded in _OF_A_CHAT:
        return "The id of a chat is no entity: GET /v1/chats/<its id> returns the entity of a chat."
    if upper in _KNOWN_TYPES and ref.entity_type != upper:
        return f"The portal compares case: the platform's name for this is entity_type {upper}."
    return None


def _hint_on_id(ref: EntityRef) -> str | None:
    if ref.entity_type == "CRM":
        return _hint_on_crm_id(ref.entity_id)
    if ref.entity_type in _BY_NUMBER:
        return _hint_on_number(ref)
    for entity_type, looks_wrong, sentence in _ID_HINTS:
        if ref.entity_type == entity_type and looks_wrong(ref.entity_id):
            return sentence
    return None


def _hint_on_crm_id(entity_id: str) -> str:
    parts = re.fullmatch(_CRM_PARTS, entity_id)
    kind, number = (_crm_kind_in_id(parts["kind"]), parts["number"]) if parts else (None, None)
    if kind is not None and entity_id != f"{kind}|{number}":
        return f"The portal compares every character: the platform's form of this entity_id is {kind}|{number}."
    if not re.fullmatch(_CRM_ID, entity_id):
        chat = f" A chat's own id goes to GET /v1/chats/{number}." if parts and not parts["kind"] else ""
        return f"With CRM an entity_id looks like {_CRM_FORMS}.{chat}"
    # bitrix24.md 1.1: `CRM` finds the discussion chat only, which the platform creates when a user opens it.
    if not re.fullmatch(_LISTED, entity_id):
        return "A CRM object's discussion chat is made on demand."
    return (
        "A CRM object's discussion chat is made on demand; its open lines, and the chats of its contacts and company, "
        f"are listed by GET /v1/objects/{entity_id.lower().replace('|', '/')}/chats."
    )


def _hint_on_number(ref: EntityRef) -> str:
    number = _number_in(ref.entity_id)
    if number is None:
        return f"With {ref.entity_type} an entity_id is a number."
    if ref.entity_id != number:
        return f"With {ref.entity_type} an entity_id is a number alone, without zeros or words in front: {number}."
    return _BY_NUMBER[ref.entity_type]


def _folded(entity_type: str) -> str:
    return re.sub(r"[\s|:_-]", "", entity_type.upper())


def _crm_kind(name: str) -> str | None:
    """The CRM's own name of a type, from one of those that callers use; None for what is no such name."""
    upper = name.upper()
    return _CRM_KIND_OF.get(upper) or (upper if re.fullmatch(_DYNAMIC, upper) else None)


def _crm_kind_in_id(name: str) -> str | None:
    """The same for the part of an id in front of the number, which may be a short code."""
    upper = name.upper()
    dynamic = re.fullmatch(_SHORT_DYNAMIC, upper)
    return _CRM_SHORT.get(upper) or _crm_kind(f"DYNAMIC_{int(dynamic[1], 16)}" if dynamic else upper)


def _number_in(entity_id: str) -> str | None:
    """The number at the end of an id, without zeros in front."""
    parts = re.fullmatch(_CRM_PARTS, entity_id)
    return parts["number"] if parts else None


_DIALOG = r"(?P<kind>(?i:chat|sg)?)0*(?P<number>[1-9][0-9]{0,14})"
_DYNAMIC = r"DYNAMIC_[1-9][0-9]{0,8}"
_SHORT_DYNAMIC = r"T([1-9A-F][0-9A-F]{0,7})"
"""The CRM's short code: T and the number of the type in hexadecimal (bitrix24.md 10.1)."""
_CRM_PARTS = r"(?s:(?P<kind>.*?))[\s|:_#№-]*(?<![0-9])0*(?P<number>[1-9][0-9]{0,18})"
_CRM_FORMS = "DEAL|1663, LEAD|13, CONTACT|25, COMPANY|7 or DYNAMIC_<type id>|<item id>"
_BY_NUMBER = {
    "TASKS_TASK": "A task that has the old card has entity_type TASKS; with entity_type TASK both are tried.",
    "TASKS": "A task that has the new card has entity_type TASKS_TASK; with entity_type TASK both are tried.",
    "TASK": "A task's chat is made on demand, when a user opens it in the task's card.",
    "SONET_GROUP": "A group's chat is made on demand; a group may have none.",
    "CALENDAR": "With CALENDAR the entity_id is that of the event, not that of a calendar or a chat.",
}
"""Types whose id is a number, and the hint where it is one (bitrix24.md 1.1, 1.20)."""
_ID_HINTS: tuple[tuple[str, Callable[[str], object], str], ...] = (
    (
        "LINES",
        lambda text: text.startswith("imol|"),
        "Without the prefix imol| this is the entity_id that LINES has.",
    ),
    (
        "LINES",
        lambda text: text.count("|") < _LINES_SEPARATORS,
        "With LINES an entity_id looks like <connector>|<line>|<chat>|<user>, as telegrambot|2|209607941|744.",
    ),
    (
        "LIVECHAT",
        lambda text: "|" not in text,
        "With LIVECHAT an entity_id looks like <connector>|<line>, as livechat|22.",
    ),
    (
        _CALL_CHATS[0],
        lambda text: text == _CALL_CHATS[1],
        "Each user of the portal has a chat of this entity_id, so that it names none of them.",
    ),
)
"""Types, whether the id looks wrong for them, and the hint; the first match is returned."""
