"""The sentences of the page inside the portal, in English, German and Russian; `page_texts` has those of failures."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.install.page_texts import page_text
from chat_lookup.languages import Language, Sentence, sentence_in


def sentence(key: str, language: Language) -> str:
    """One sentence. An unknown key is a fault of ours and raises `KeyError`."""
    return sentence_in(language, _DOCUMENT[key])


def in_script(language: Language) -> dict[str, str]:
    """The sentences that the page's script shows, by key: notes, failures by their codes, and labels."""
    shared = {code: page_text(code, language) for code in _AS_IN_AN_INSTALLATION}
    kinds = {key: sentence(key, language) for key in _DOCUMENT if key.startswith("kind-")}
    return shared | kinds | {key: sentence_in(language, each) for key, each in _SCRIPT.items()}


_AS_IN_AN_INSTALLATION: Final = (
    "deadline", "internal-error", "portal-blocked", "portal-misconfigured", "portal-reauthorise", "portal-stopped",
    "service-misconfigured", "store-unavailable",
)  # fmt: skip
"""Failures with the sentences of `install.page_texts`."""


_DOCUMENT: Final[Mapping[str, Sentence]] = {
    "title": ("Chat Lookup", "Chat Lookup", "Chat Lookup"),
    "unproved": (
        "Open the application in your Bitrix24 portal.",
        "Öffnen Sie die Anwendung in Ihrem Bitrix24-Portal.",
        "Откройте приложение на своём портале Битрикс24.",
    ),
    "find-title": ("Find a chat", "Chat finden", "Найти чат"),
    "query": ("Object, chat or link", "Objekt, Chat oder Link", "Объект, чат или ссылка"),
    "query-hint": (
        "For example deal 1663, or the link of a page of this portal.",
        "Zum Beispiel Auftrag 1663, oder der Link einer Seite dieses Portals.",
        "Например, сделка 1663 или ссылка на страницу этого портала.",
    ),
    "find": ("Find", "Suchen", "Найти"),
    "pick": ("Or pick an object", "Oder ein Objekt wählen", "Или выберите объект"),
    "kind": ("Kind of object", "Art des Objekts", "Вид объекта"),
    "number": ("Number", "Nummer", "Номер"),
    "kind-deal": ("Deal", "Auftrag", "Сделка"),
    "kind-lead": ("Lead", "Lead", "Лид"),
    "kind-contact": ("Contact", "Kontakt", "Контакт"),
    "kind-company": ("Company", "Unternehmen", "Компания"),
    "kind-task": ("Task", "Aufgabe", "Задача"),
    "kind-group": ("Group or project", "Gruppe oder Projekt", "Группа или проект"),
    "recent": ("Recent look-ups", "Letzte Suchen", "Недавние запросы"),
    "doctor-title": ("State of the connection", "Zustand der Verbindung", "Состояние подключения"),
    "doctor-hint": (
        "Examines the connection between this portal and the service. It changes nothing.",
        "Untersucht die Verbindung zwischen diesem Portal und dem Dienst. Es ändert nichts. Details sind englisch.",
        "Проверяет связь между порталом и сервисом и ничего не меняет. Подробности — на английском.",
    ),
    "examine": ("Examine", "Untersuchen", "Проверить"),
    "keys-title": ("API keys", "API-Schlüssel", "Ключи API"),
    "keys-hint": (
        "For programs that look chats up. At most 5, each for a year at most. A key is shown once.",
        "Für Programme, die Chats suchen. Höchstens 5, jeder für höchstens ein Jahr. Ein Schlüssel erscheint einmal.",
        "Для программ, которые ищут чаты. Не больше 5, каждый не дольше года. Ключ показывается один раз.",
    ),
    "key-label": ("What is it for?", "Wofür ist er?", "Для чего он?"),
    "key-days": ("Days", "Tage", "Дней"),
    "key-details": (
        "with titles and members of chats",
        "mit Titeln und Mitgliedern der Chats",
        "с названиями и участниками чатов",
    ),
    "key-create": ("Create key", "Schlüssel erstellen", "Создать ключ"),
}

_SCRIPT: Final[Mapping[str, Sentence]] = {
    "open": ("Open chat", "Chat öffnen", "Открыть чат"),
    "copy": ("Copy id", "ID kopieren", "Копировать ID"),
    "copy-key": ("Copy key", "Schlüssel kopieren", "Копировать ключ"),
    "copied": ("Copied.", "Kopiert.", "Скопировано."),
    "not-copied": (
        "The browser does not allow copying here; select the text instead.",
        "Der Browser erlaubt hier kein Kopieren; markieren Sie den Text.",
        "Браузер не разрешает копировать здесь; выделите текст.",
    ),
    "more": ("More chats", "Weitere Chats", "Ещё чаты"),
    "discussion": ("Discussion", "Diskussion", "Обсуждение"),
    "open_line": ("Open line", "Kommunikationskanal", "Открытая линия"),
    "active": ("active", "aktiv", "активна"),
    "untitled": ("Chat without a title", "Chat ohne Titel", "Чат без названия"),
    "found": ("Chats found: {count}.", "Gefundene Chats: {count}.", "Найдено чатов: {count}."),
    "working": ("Searching…", "Suche läuft…", "Поиск…"),
    "from-portal": ("From the portal, just now.", "Vom Portal, gerade eben.", "Получено с портала только что."),
    "from-cache": (
        "From the cache, {age} s old; each chat was confirmed just now.",
        "Aus dem Zwischenspeicher, {age} s alt; jeder Chat wurde gerade bestätigt.",
        "Из кэша, {age} с назад; каждый чат только что подтверждён.",
    ),
    "from-event": (
        "From an event of the portal, {age} s old; each chat was confirmed just now.",
        "Aus einem Ereignis des Portals, {age} s alt; jeder Chat wurde gerade bestätigt.",
        "Из события портала, {age} с назад; каждый чат только что подтверждён.",
    ),
    "from-stale": (
        "An older answer, {age} s old: the portal did not answer in time.",
        "Eine ältere Antwort, {age} s alt: Das Portal hat nicht rechtzeitig geantwortet.",
        "Более старый ответ, {age} с назад: портал не ответил вовремя.",
    ),
    "none": (
        "No chat that you may see was found.",
        "Es wurde kein Chat gefunden, den Sie sehen dürfen.",
        "Чатов, которые вам доступны, не найдено.",
    ),
    "hidden": (
        "Chats that you are not a member of are not shown.",
        "Chats, in denen Sie nicht Mitglied sind, werden nicht gezeigt.",
        "Чаты, в которых вы не участвуете, не показаны.",
    ),
    "unconfirmed": (
        "Some chats could not be confirmed for you now. Try again in a moment.",
        "Manche Chats konnten jetzt nicht für Sie bestätigt werden. Versuchen Sie es gleich noch einmal.",
        "Некоторые чаты сейчас не удалось подтвердить. Повторите немного позже.",
    ),
    "truncated": (
        "There are more contacts, companies or open lines than are listed.",
        "Es gibt mehr Kontakte, Unternehmen oder Kommunikationskanäle als aufgeführt.",
        "Контактов, компаний или открытых линий больше, чем перечислено.",
    ),
    "lines-not-granted": (
        "Open lines are not included: the application lacks the permission imopenlines.",
        "Kommunikationskanäle fehlen: Der Anwendung fehlt das Recht imopenlines.",
        "Открытые линии не включены: у приложения нет права imopenlines.",
    ),
    "incomplete": (
        "The portal did not answer every question; the list may lack chats.",
        "Das Portal hat nicht jede Frage beantwortet; in der Liste können Chats fehlen.",
        "Портал ответил не на все запросы; в списке может не хватать чатов.",
    ),
    # Failures, by the code of the problem.
    "invalid-request": (
        "That was not understood. Type a kind and a number, as in deal 1663, or paste a link of this portal.",
        "Das wurde nicht verstanden. Geben Sie Art und Nummer ein, etwa Auftrag 1663, oder fügen Sie einen Link ein.",
        "Запрос не понят. Введите вид и номер, например сделка 1663, или вставьте ссылку с этого портала.",
    ),
    "body-too-large": ("That is too long.", "Das ist zu lang.", "Это слишком длинно."),
    "link-of-another-portal": (
        "The link leads to another portal.",
        "Der Link führt zu einem anderen Portal.",
        "Ссылка ведёт на другой портал.",
    ),
    "chat-not-found": ("There is no such chat.", "Es gibt keinen solchen Chat.", "Такого чата нет."),
    "object-not-found": (
        "The portal has no such object.",
        "Das Portal hat kein solches Objekt.",
        "На портале нет такого объекта.",
    ),
    "chat-not-accessible": (
        "The portal does not show this chat.",
        "Das Portal zeigt diesen Chat nicht.",
        "Портал не показывает этот чат.",
    ),
    "portal-refused": (
        "The portal refused this request.",
        "Das Portal hat diese Anfrage abgelehnt.",
        "Портал отклонил этот запрос.",
    ),
    "portal-not-installed": (
        "The application is not installed in this portal any more.",
        "Die Anwendung ist in diesem Portal nicht mehr installiert.",
        "Приложение на этом портале больше не установлено.",
    ),
    "link-not-understood": (
        "The link names no object or chat.",
        "Der Link nennt weder ein Objekt noch einen Chat.",
        "Ссылка не ведёт ни к объекту, ни к чату.",
    ),
    "route-not-found": (
        "The service does not offer this here.",
        "Der Dienst bietet das hier nicht an.",
        "Сервис этого здесь не предлагает.",
    ),
    "method-not-allowed": (
        "This page is older than the service. Open the application again.",
        "Diese Seite ist älter als der Dienst. Öffnen Sie die Anwendung erneut.",
        "Эта страница старше сервиса. Откройте приложение заново.",
    ),
    "portal-busy": (
        "Busy, try again in a moment.",
        "Ausgelastet, versuchen Sie es gleich noch einmal.",
        "Занято, повторите немного позже.",
    ),
    "portal-unavailable": (
        "The portal does not answer the service now.",
        "Das Portal antwortet dem Dienst gerade nicht.",
        "Портал сейчас не отвечает сервису.",
    ),
    "page-session-rejected": (
        "This page is no longer valid. Open the application again.",
        "Diese Seite gilt nicht mehr. Öffnen Sie die Anwendung erneut.",
        "Эта страница больше не действует. Откройте приложение заново.",
    ),
    "caller-token-rejected": (
        "The portal no longer accepts this page. Open the application again.",
        "Das Portal akzeptiert diese Seite nicht mehr. Öffnen Sie die Anwendung erneut.",
        "Портал больше не принимает эту страницу. Откройте приложение заново.",
    ),
    "administrator-required": (
        "Only an administrator of the portal may do this.",
        "Das darf nur ein Administrator des Portals.",
        "Это доступно только администратору портала.",
    ),
    "reopen": ("Open anew", "Neu öffnen", "Открыть заново"),
    "failed": (
        "That did not work. Try again in a moment.",
        "Das hat nicht geklappt. Versuchen Sie es gleich noch einmal.",
        "Не получилось. Повторите немного позже.",
    ),
    "keys-full": (
        "The key was not made: there are 5 already, or the label or the days are not valid.",
        "Der Schlüssel wurde nicht erstellt: Es gibt schon 5, oder Bezeichnung oder Tage sind ungültig.",
        "Ключ не создан: их уже 5, либо название или срок недопустимы.",
    ),
    "key-made": (
        "Copy the key now: it is not shown again.",
        "Kopieren Sie den Schlüssel jetzt: Er wird nicht noch einmal gezeigt.",
        "Скопируйте ключ сейчас: больше он не показывается.",
    ),
    "key-until": ("until {date}", "bis {date}", "до {date}"),
    "key-invalid": ("no longer valid", "nicht mehr gültig", "больше не действует"),
    "revoke": ("Revoke", "Widerrufen", "Отозвать"),
    "revoked": (
        "Revoked: the key is refused within 30 seconds.",
        "Widerrufen: Der Schlüssel wird binnen 30 Sekunden abgelehnt.",
        "Отозван: ключ перестанет приниматься в течение 30 секунд.",
    ),
    "no-keys": ("No key was made here yet.", "Hier wurde noch kein Schlüssel erstellt.", "Здесь ещё нет ключей."),
    "well": ("Nothing is wrong.", "Es ist alles in Ordnung.", "Всё в порядке."),
    "state": (
        "State: {state}; the tokens were renewed {hours} h ago.",
        "Zustand: {state}; die Token wurden vor {hours} h erneuert.",
        "Состояние: {state}; токены обновлены {hours} ч назад.",
    ),
    "state-active": ("connected", "verbunden", "подключено"),
    "state-uninstalled": ("uninstalled", "deinstalliert", "удалено"),
    "state-reauthorise": ("waits for an administrator", "wartet auf einen Administrator", "ожидает администратора"),
    "state-unpaid": ("not paid", "nicht bezahlt", "не оплачено"),
    "state-misconfigured": ("not set up correctly", "falsch eingerichtet", "настроено неверно"),
    "state-refused": ("refused by the portal", "vom Portal abgelehnt", "отклонено порталом"),
    "state-renamed": ("has a new address", "hat eine neue Adresse", "сменило адрес"),
    "state-stopped": ("stopped by the operator", "vom Betreiber angehalten", "остановлено администратором сервиса"),
    "examining": ("Examining…", "Untersuchung läuft…", "Проверка…"),
    "remedy": ("What to do", "Was zu tun ist", "Что делать"),
}
