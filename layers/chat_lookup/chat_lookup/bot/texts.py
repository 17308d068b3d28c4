"""The bot's texts, in English, German and Russian: ids and links, never a title.

Messages are BB code (bitrix24.md 1.13, 1.14): quoted values cannot open a tag.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from chat_lookup.entity import EntityRef
from chat_lookup.languages import Language, Sentence, sentence_in
from chat_lookup.objects.model import ObjectChats, PartState


def help_line(language: Language) -> str:
    """The questions that the bot answers."""
    return _text("help", language)


def found(ref: EntityRef, chat_id: int, domain: str, language: Language) -> str:
    """The chat of an entity, with a link that opens it; `domain` is the portal's, with its port if it has one."""
    return _text("found", language, pair=_pair(ref), chat_id=chat_id, domain=domain)


def not_found(ref: EntityRef, language: Language) -> str:
    """The text for an entity without a chat, with possible reasons."""
    return _text(_NOT_FOUND.get(ref.entity_type, "no-chat"), language, pair=_pair(ref))


def this_chat(chat_id: int, ref: EntityRef | None, language: Language, *, shown: bool = True) -> str:
    """The ids of the current chat, and its entity if it has one; `shown` is False where that is unknown."""
    if ref is None:
        return _text("this-chat-alone" if shown else "this-chat-hidden", language, chat_id=chat_id)
    return _text("this-chat", language, pair=_pair(ref), chat_id=chat_id)


def personal_chat(chat_id: int, language: Language) -> str:
    """The id of the user's own chat with the bot."""
    return _text("personal-chat", language, chat_id=chat_id)


def entity_of(chat_id: int, ref: EntityRef | None, domain: str, language: Language) -> str:
    """The entity of another chat, with a link that opens it. The id of an open line has a client's telephone number."""
    key = "chat-alone" if ref is None else "chat-of-line" if ref.entity_type in _LINES else "chat-of"
    return _text(key, language, pair=_pair(ref) if ref else "", chat_id=chat_id, domain=domain)


def hidden(chat_id: int, language: Language) -> str:
    """The text for a chat that the portal does not show, or that does not exist."""
    return _text("chat-hidden", language, chat_id=chat_id)


def other_portal(domain: str, language: Language) -> str:
    """The text for a link to an object of another portal; `domain` is the bot's own."""
    return _text("other-portal", language, domain=domain)


MOST_LISTED: Final = 20
"""Chats of an object in one answer."""


def all_chats(answer: ObjectChats, domain: str, language: Language) -> str:
    """The chats of an object, its contacts and its company: a line for each, with a link that opens it for those who
    may read it there.

    The application's rights found them, and no event proves those of the user who asks, or of those who read the answer
    in a group: neither contacts nor company are named, nor connectors, nor which conversation is in progress
    (docs/decisions/034).
    """
    lines = [_text("chats-of" if answer.chats else "no-chats-of", language, pair=_pair(answer.object.ref))]
    for chat in answer.chats[:MOST_LISTED]:
        key = "an-open-line" if chat.line else "a-discussion"
        lines.append(_text(key, language, chat_id=chat.chat_id, domain=domain))
    more = answer.truncated or len(answer.chats) > MOST_LISTED
    lines += [_text("more-chats", language)] if more else []
    states = {state for part in answer.parts for state in (part.discussion, part.open_lines, part.relatives)}
    unknown = not states.isdisjoint({PartState.REFUSED, PartState.NOT_GRANTED})
    lines += [_text("chats-hidden", language)] if unknown else []
    return "\n".join(lines)


def no_object(ref: EntityRef, language: Language) -> str:
    """The text for an object that the CRM does not have."""
    return _text("no-object", language, pair=_pair(ref))


def several(answers: Sequence[str], left: int, language: Language) -> str:
    """The answers to several questions, a line for each; `left` is how many have none."""
    more = [_text("more", language, left=left)] if left else []
    return "\n".join([*answers, *more])


def failed(code: str, language: Language) -> str:
    """The text for an error of ours, by its code; a general one for a code without its own."""
    return _text(code if code in _FAILURES else "internal-error", language)


def _text(key: str, language: Language, **facts: str | int) -> str:
    sentence = sentence_in(language, _SENTENCES[key])
    return sentence.format(**{name: _plain(str(fact)) for name, fact in facts.items()})


def _pair(ref: EntityRef) -> str:
    return f"{ref.entity_type} {ref.entity_id}"


def _plain(text: str) -> str:
    """Text without tags and line breaks: any user may bind a chat to a pair that has them (bitrix24.md 9, row 8)."""
    return "".join(character if character.isprintable() else " " for character in text.translate(_NO_TAGS))


_NO_TAGS: Final = str.maketrans("[]", "()")

_LINES: Final = frozenset({"LINES", "LIVECHAT"})
_OPEN: Final = "[URL=https://{domain}/online/?IM_DIALOG=chat{chat_id}]"
"""Opens a chat in the messenger (bitrix24.md 9, row 22)."""

_NOT_FOUND: Final[Mapping[str, str]] = {
    "CRM": "no-crm-chat",
    "TASK": "no-task-chat",
    "TASKS": "no-task-chat",
    "TASKS_TASK": "no-task-chat",
    "SONET_GROUP": "no-group-chat",
    "LINES": "no-line-chat",
    "LIVECHAT": "no-line-chat",
}
"""The sentence for an entity without a chat, by its type."""

_FAILURES: Final[Mapping[str, Sentence]] = {
    "portal-busy": (
        "The portal's limit of requests is used up at the moment. Ask again in a minute.",
        "Das Anfragelimit des Portals ist gerade erschöpft. Fragen Sie in einer Minute noch einmal.",
        "Лимит запросов портала сейчас исчерпан. Спросите ещё раз через минуту.",
    ),
    "portal-unavailable": (
        "The portal does not answer the service at the moment. Ask again in a few minutes.",
        "Das Portal antwortet dem Dienst gerade nicht. Fragen Sie in einigen Minuten noch einmal.",
        "Портал сейчас не отвечает сервису. Спросите ещё раз через несколько минут.",
    ),
    "store-unavailable": (
        "The service cannot reach its own store at the moment. Ask again in a few minutes.",
        "Der Dienst erreicht seinen eigenen Speicher gerade nicht. Fragen Sie in einigen Minuten noch einmal.",
        "Сервис сейчас не может обратиться к своему хранилищу. Спросите ещё раз через несколько минут.",
    ),
    "portal-blocked": (
        "The portal admits no requests: its plan does not include them, or it is not paid.",
        "Das Portal lässt keine Anfragen zu: Der Tarif enthält sie nicht oder ist nicht bezahlt.",
        "Портал не принимает запросы: тариф их не включает или не оплачен.",
    ),
    "portal-stopped": (
        "The operator of the service has stopped it for this portal.",
        "Der Dienst ist für dieses Portal vom Betreiber angehalten.",
        "Сервис для этого портала остановлен его администратором.",
    ),
    "portal-reauthorise": (
        "The connection to the portal is lost. An administrator restores it by opening the application once.",
        "Die Verbindung zum Portal ist unterbrochen, bis ein Administrator die Anwendung einmal öffnet.",
        "Связь с порталом потеряна. Её восстановит администратор, если откроет приложение.",
    ),
    "portal-misconfigured": (
        "The application lacks a permission or a key for this. Ask an administrator of the portal.",
        "Der Anwendung fehlt dafür ein Recht oder ein Schlüssel. Wenden Sie sich an einen Administrator des Portals.",
        "Приложению не хватает для этого прав или ключа. Обратитесь к администратору портала.",
    ),
    "chat-not-accessible": (
        "The portal does not show this chat to the application.",
        "Das Portal zeigt der Anwendung diesen Chat nicht.",
        "Портал не показывает этот чат приложению.",
    ),
    "internal-error": (
        "Something failed inside the service. If it fails again, ask an administrator of the portal.",
        "Im Dienst ist ein Fehler aufgetreten. Wiederholt er sich, wenden Sie sich an einen Administrator des Portals.",
        "В сервисе произошла ошибка. Если она повторится, обратитесь к администратору портала.",
    ),
}

_SENTENCES: Final[Mapping[str, Sentence]] = {
    **_FAILURES,
    "help": (
        "Send a link to a deal, lead, contact, company, smart process item, task or group, or its type and id: deal "
        "1663, task 8293, ORDER 2026-0815. chats deal 1663 lists all chats of an object, chat 1437 shows the object of "
        "a chat, /chatid in a chat its id.",
        "Senden Sie einen Link (Deal, Lead, Kontakt, Unternehmen, Smart-Prozess-Element, Aufgabe, Gruppe) oder Typ und "
        "ID des Objekts: Deal 1663, Aufgabe 8293, ORDER 2026-0815. Chats Deal 1663 listet alle Chats eines Objekts, "
        "Chat 1437 nennt das Objekt eines Chats, /chatid in einem Chat dessen ID.",
        "Пришлите ссылку на сделку, лид, контакт, компанию, элемент смарт-процесса, задачу или группу либо тип и "
        "номер: сделка 1663, задача 8293, ORDER 2026-0815. чаты сделки 1663 перечисляет все чаты объекта, чат 1437 "
        "сообщает объект чата, команда /chatid в чате — его ID.",
    ),
    "found": (
        "{pair}: chat {chat_id}, dialog chat{chat_id}. " + _OPEN + "Open the chat[/URL]",
        "{pair}: Chat {chat_id}, Dialog chat{chat_id}. " + _OPEN + "Chat öffnen[/URL]",
        "{pair}: чат {chat_id}, диалог chat{chat_id}. " + _OPEN + "Открыть чат[/URL]",
    ),
    "chats-of": (
        "{pair}: its chats.",
        "{pair}: die Chats.",
        "{pair}: чаты.",
    ),
    "no-chats-of": (
        "{pair}: no chats.",
        "{pair}: keine Chats.",
        "{pair}: чатов нет.",
    ),
    "a-discussion": (
        "Discussion, chat {chat_id}. " + _OPEN + "Open[/URL]",
        "Diskussion, Chat {chat_id}. " + _OPEN + "Öffnen[/URL]",
        "Обсуждение, чат {chat_id}. " + _OPEN + "Открыть[/URL]",
    ),
    "an-open-line": (
        "Open line, chat {chat_id}. " + _OPEN + "Open[/URL]",
        "Kommunikationskanal, Chat {chat_id}. " + _OPEN + "Öffnen[/URL]",
        "Открытая линия, чат {chat_id}. " + _OPEN + "Открыть[/URL]",
    ),
    "more-chats": (
        "There are more chats than are listed here.",
        "Es gibt mehr Chats als hier aufgeführt.",
        "Чатов больше, чем перечислено здесь.",
    ),
    "chats-hidden": (
        "Of some objects the portal does not show the application everything.",
        "Von einigen Objekten zeigt das Portal der Anwendung nicht alles.",
        "По некоторым объектам портал показывает приложению не всё.",
    ),
    "no-object": (
        "{pair}: the portal has no such object.",
        "{pair}: Dieses Objekt gibt es im Portal nicht.",
        "{pair}: такого объекта на портале нет.",
    ),
    "this-chat": (
        "This is chat {chat_id}, dialog chat{chat_id}, of {pair}.",
        "Dies ist Chat {chat_id}, Dialog chat{chat_id}, Objekt {pair}.",
        "Это чат {chat_id}, диалог chat{chat_id}, объект {pair}.",
    ),
    "this-chat-alone": (
        "This is chat {chat_id}, dialog chat{chat_id}. It belongs to no object.",
        "Dies ist Chat {chat_id}, Dialog chat{chat_id}. Er gehört zu keinem Objekt.",
        "Это чат {chat_id}, диалог chat{chat_id}. Он не привязан к объекту.",
    ),
    "this-chat-hidden": (
        "This is chat {chat_id}, dialog chat{chat_id}. The portal does not show the application its object.",
        "Dies ist Chat {chat_id}, Dialog chat{chat_id}. Zu welchem Objekt er gehört, zeigt das Portal nicht.",
        "Это чат {chat_id}, диалог chat{chat_id}. Его объект портал приложению не показывает.",
    ),
    "personal-chat": (
        "This is chat {chat_id}, your personal chat with the bot. It belongs to no object.",
        "Dies ist Chat {chat_id}, Ihr persönlicher Chat mit dem Bot. Er gehört zu keinem Objekt.",
        "Это чат {chat_id}, ваш личный чат с ботом. Он не привязан к объекту.",
    ),
    "chat-of": (
        "Chat {chat_id} belongs to {pair}. " + _OPEN + "Open the chat[/URL]",
        "Chat {chat_id} gehört zu {pair}. " + _OPEN + "Chat öffnen[/URL]",
        "Чат {chat_id} привязан к {pair}. " + _OPEN + "Открыть чат[/URL]",
    ),
    "chat-of-line": (
        "Chat {chat_id} belongs to a conversation in an open line. " + _OPEN + "Open the chat[/URL]",
        "Chat {chat_id} gehört zu einem Gespräch in einem Kommunikationskanal. " + _OPEN + "Chat öffnen[/URL]",
        "Чат {chat_id} привязан к диалогу в открытой линии. " + _OPEN + "Открыть чат[/URL]",
    ),
    "chat-alone": (
        "Chat {chat_id} belongs to no object. " + _OPEN + "Open the chat[/URL]",
        "Chat {chat_id} gehört zu keinem Objekt. " + _OPEN + "Chat öffnen[/URL]",
        "Чат {chat_id} не привязан к объекту. " + _OPEN + "Открыть чат[/URL]",
    ),
    "chat-hidden": (
        "There is no chat {chat_id}, or the portal does not show it to the application.",
        "Es gibt keinen Chat {chat_id}, oder das Portal zeigt ihn der Anwendung nicht.",
        "Чата {chat_id} нет, или портал не показывает его приложению.",
    ),
    "other-portal": (
        "This link is of another portal. Here are the objects of {domain} only.",
        "Dieser Link gehört zu einem anderen Portal. Hier gibt es nur Objekte von {domain}.",
        "Эта ссылка ведёт на другой портал. Здесь есть только объекты портала {domain}.",
    ),
    "more": (
        "Objects without an answer: {left}. Ask for them in another message.",
        "Objekte ohne Antwort: {left}. Fragen Sie danach in einer weiteren Nachricht.",
        "Объектов без ответа: {left}. Спросите о них в другом сообщении.",
    ),
    "no-chat": (
        "{pair}: no chat belongs to it.",
        "{pair}: Dazu gehört kein Chat.",
        "{pair}: чата для этого объекта нет.",
    ),
    "no-crm-chat": (
        "{pair}: no chat yet. The portal creates it when a user first opens the chat in the object's card.",
        "{pair}: noch kein Chat. Das Portal legt ihn an, sobald ihn jemand in der Karte des Objekts öffnet.",
        "{pair}: чата пока нет. Портал создаёт его, когда кто-то впервые открывает чат в карточке объекта.",
    ),
    "no-task-chat": (
        "{pair}: no chat. There is no such task, or no user has opened its chat yet.",
        "{pair}: kein Chat. Es gibt diese Aufgabe nicht, oder niemand hat ihren Chat bisher geöffnet.",
        "{pair}: чата нет. Такой задачи не существует, или её чат ещё никто не открывал.",
    ),
    "no-group-chat": (
        "{pair}: no chat. There is no such group, or it has no chat of its own.",
        "{pair}: kein Chat. Es gibt diese Gruppe nicht, oder sie hat keinen eigenen Chat.",
        "{pair}: чата нет. Такой группы не существует, или у неё нет своего чата.",
    ),
    "no-line-chat": (
        "{pair}: no chat. There is no conversation in an open line with this id.",
        "{pair}: kein Chat. Im Kommunikationskanal gibt es kein Gespräch mit dieser ID.",
        "{pair}: чата нет. В открытой линии нет диалога с таким ID.",
    ),
}
