"""Entity ids that contain a telephone number, an address or a name, as connectors and callers write them."""

from typing import Final

_NUMBERS: Final = (
    "79161234567", "+79161234567", "+7 (916) 123-45-67", "8 916 123 45 67", "007-916-123-4567", "+49 30 901820",
    "+1-202-555-0143", "(044) 537 28 10", "2025550143", "5550143",
)  # fmt: skip
_ADDRESSES: Final = (
    "anna.petrova@example.com",
    "Anna <anna.petrova@example.com>",
    "a+b@sub.example.org",
    "анна@почта.рф",
)
_NAMES: Final = ("Anna Petrova", "Анна Петрова 1985", "petrova.anna", "@anna_petrova", "t.me/anna_petrova")
_CONNECTORS: Final = (
    "whatsapp|2|79161234567|744", "imol|whatsapp|2|79161234567|744", "telegrambot|2|209607941|744",
    "viber|1|Qx9PetrovaAnna==|12", "separator|3|7778889966|13", "vkgroup|5|anna_petrova|9", "livechat|1|petrova|27",
    "notifications|4|+79161234567|31", "whatsappbytwilio|2|whatsapp:+14155550143|8", "olx|7|petrova.anna-1985|77",
    "zaptrix|6|user-petrova|5", "facebook|3|100004718283|44", "wazzup|1|79161234567@c.us|3",
)  # fmt: skip
_OWN_TYPES: Final = ("WHATSAPP", "telegrambot", "IA_CONV", "MY_CRM", "imconnector_olx")

PERSONAL_PAIRS: Final[tuple[tuple[str, str], ...]] = (
    *(("LINES", entity_id) for entity_id in _CONNECTORS),
    *(("CALL", number) for number in _NUMBERS),
    *(("MAIL", address) for address in _ADDRESSES),
    *(("LIVECHAT", name) for name in _NAMES),
    *((_OWN_TYPES[place % 5], entity_id) for place, entity_id in enumerate((*_NUMBERS, *_NAMES, *_ADDRESSES))),
    ("CRM", "79161234567"),
    ("CRM", "DEAL|79161234567"),
    ("CRM", "CONTACT|+79161234567"),
    ("TASKS_TASK", "79161234567"),
    ("SONET_GROUP", "anna.petrova@example.com"),
    ("CRM", "CONTACT|petrova"),
    ("CRM", "imol|whatsapp|2|79161234567|744"),
    ("MAIL", "petrova-42"),
    ("CALL", "call-79161234567"),
)
"""Each as a caller may ask for it; a few under a wrong type."""
