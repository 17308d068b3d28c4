"""The doctor's findings for the page's users: a title of each, and what mends it.

`doctor.findings` has the English sentences of what mends them.
"""

from collections.abc import Mapping
from typing import Final

from chat_lookup.languages import Language, Sentence, sentence_in


def title_in(language: Language, code: str) -> str:
    """What is wrong, in a few words."""
    return sentence_in(language, _TITLES[code])


def remedy_in(language: Language, code: str, english: str) -> str:
    """The remedy for a finding in one language."""
    if language is Language.ENGLISH:
        return english
    german, russian = _REMEDIES[code]
    return german if language is Language.GERMAN else russian


_TITLES: Final[Mapping[str, Sentence]] = {
    "no-portal": ("No portal is stored", "Es ist kein Portal gespeichert", "Ни одного портала не сохранено"),
    "uninstalled": ("The application was uninstalled", "Die Anwendung wurde deinstalliert", "Приложение удалено"),
    "stopped": (
        "An operator stopped the service for this portal",
        "Der Betreiber hat den Dienst für dieses Portal angehalten",
        "Администратор сервиса остановил его для этого портала",
    ),
    "reauthorise": (
        "The application's permission has ended", "Die Erlaubnis der Anwendung ist erloschen",
        "Разрешение приложения больше не действует",
    ),
    "refused": (
        "The portal refuses even new tokens", "Das Portal lehnt selbst neue Token ab",
        "Портал отклоняет даже новые токены",
    ),
    "unpaid": (
        "The application or the plan is not paid", "Die Anwendung oder der Tarif ist nicht bezahlt",
        "Приложение или тариф не оплачены",
    ),
    "misconfigured": (
        "The application's keys are not valid", "Die Schlüssel der Anwendung sind ungültig",
        "Ключи приложения недействительны",
    ),
    "renamed": ("The portal has a new address", "Das Portal hat eine neue Adresse", "У портала новый адрес"),
    "blocked": ("The portal refuses all requests", "Das Portal lehnt alle Anfragen ab", "Портал отклоняет все запросы"),
    "unreachable": ("The portal does not reply", "Das Portal antwortet nicht", "Портал не отвечает"),
    "application-missing": (
        "The application's keys are not stored", "Die Schlüssel der Anwendung sind nicht gespeichert",
        "Ключи приложения не сохранены",
    ),
    "moved": (
        "The portal redirects to a new address", "Das Portal leitet an eine neue Adresse weiter",
        "Портал перенаправляет на новый адрес",
    ),
    "token-refused": (
        "The portal refuses the token", "Das Portal lehnt das Token ab", "Портал отклоняет токен",
    ),
    "portal-failed": (
        "The portal's reply was an error", "Das Portal hat mit einem Fehler geantwortet", "Портал ответил ошибкой",
    ),
    "not-asked": (
        "The portal could not be asked now", "Das Portal konnte gerade nicht gefragt werden",
        "Сейчас не удалось опросить портал",
    ),
    "not-checked": (
        "A part could not be examined", "Ein Teil konnte nicht untersucht werden", "Часть проверки не удалась",
    ),
    "installation-unfinished": (
        "The installation is not finished", "Die Installation ist nicht abgeschlossen", "Установка не завершена",
    ),
    "payment-expired": (
        "The time that is paid for has ended", "Der bezahlte Zeitraum ist abgelaufen", "Оплаченный срок истёк",
    ),
    "scope-missing": ("A permission is missing", "Ein Recht fehlt", "Не хватает права"),
    "scope-unused": (
        "A new permission is not in use yet", "Ein neues Recht wird noch nicht genutzt",
        "Новое право ещё не используется",
    ),
    "owner-not-administrator": (
        "The user who installed the application is no administrator any more",
        "Wer die Anwendung installiert hat, ist kein Administrator mehr",
        "Установивший приложение больше не администратор",
    ),
    "token-old": (
        "The tokens were not renewed for a long time", "Die Token wurden lange nicht erneuert",
        "Токены давно не обновлялись",
    ),
    "application-token-missing": (
        "Nothing proves the portal's events", "Nichts weist die Ereignisse des Portals nach",
        "Подлинность событий портала нечем подтвердить",
    ),
    "address-changed": (
        "The portal sends events to another address", "Das Portal sendet Ereignisse an eine andere Adresse",
        "Портал отправляет события на другой адрес",
    ),
    "keys-suspended": ("API keys are suspended", "API-Schlüssel sind ausgesetzt", "Ключи API приостановлены"),
    "bot-not-registered": ("The bot is not registered", "Der Bot ist nicht registriert", "Бот не зарегистрирован"),
    "bot-mode": (
        "The bot gets no events in its mode", "Der Bot erhält in seinem Modus keine Ereignisse",
        "В своём режиме бот не получает события",
    ),
    "bot-deprecated": (
        "The bot is registered by an outdated method", "Der Bot ist mit einer veralteten Methode registriert",
        "Бот зарегистрирован устаревшим методом",
    ),
    "events-not-bound": (
        "An event is not bound", "Ein Ereignis ist nicht gebunden", "Событие не привязано",
    ),
    "events-elsewhere": (
        "Events go to another address, too", "Ereignisse gehen auch an eine andere Adresse",
        "События уходят и на другой адрес",
    ),
    "pace-lowered": (
        "The portal refused too many requests", "Das Portal hat zu viele Anfragen abgelehnt",
        "Портал отклонил слишком много запросов",
    ),
    "clock-off": ("A clock is wrong", "Eine Uhr geht falsch", "Часы идут неверно"),
    "events-waiting": ("Many events wait", "Viele Ereignisse warten", "Много событий ожидает обработки"),
    "dead-letters": (
        "Events were given up", "Ereignisse wurden aufgegeben", "Часть событий не удалось обработать",
    ),
}  # fmt: skip

_REBIND: Final = (
    "Der Betreiber führt portal.rebind aus, das Bot und Ereignisse neu registriert",
    "Администратор сервиса выполняет portal.rebind: бот и события регистрируются заново",
)
_REBIND_BOT: Final = (
    f"{_REBIND[0]}; der Bot eines Webhooks wird von dem Programm in Ordnung gebracht, das ihn registriert hat",
    f"{_REBIND[1]}; бота, зарегистрированного через вебхук, исправляет та программа, что его зарегистрировала",
)
_REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    "no-portal": (
        "Der Betreiber gibt die Schlüssel der Anwendung mit apps.add an und ein Administrator des Portals installiert "
        "sie; oder der Betreiber fügt ein Portal über seinen eingehenden Webhook mit portal.add_webhook hinzu",
        "Администратор сервиса добавляет ключи приложения командой apps.add, и администратор портала устанавливает "
        "его; либо администратор сервиса добавляет портал по входящему вебхуку командой portal.add_webhook",
    ),
    "uninstalled": (
        "Ein Administrator des Portals installiert die Anwendung erneut; gibt es das Portal nicht mehr, entfernt der "
        "Betreiber dessen Daten mit portal.forget",
        "Администратор портала устанавливает приложение снова; если портала больше нет, администратор сервиса удаляет "
        "его данные командой portal.forget",
    ),
    "stopped": (
        "Der Betreiber beendet das Anhalten mit portal.start",
        "Администратор сервиса возобновляет работу командой portal.start",
    ),
    "reauthorise": (
        "Ein Administrator des Portals öffnet dort einmal die Anwendung; von da an gilt seine Erlaubnis",
        "Администратор портала один раз открывает там приложение; с этого момента действует его разрешение",
    ),
    "refused": (
        "Es endet von selbst, wenn das Portal die Token einer späteren Erneuerung akzeptiert; dauert es an, öffnet ein "
        "Administrator des Portals dort einmal die Anwendung",
        "Пройдёт само, если портал примет токены следующего обновления; если нет, администратор портала один раз "
        "открывает там приложение",
    ),
    "unpaid": (
        "Der Inhaber des Portals bezahlt die Anwendung oder den Tarif; der nächste Blick öffnet das Portal von selbst, "
        "und nach portal.start sieht der nächste Aufrufer nach",
        "Владелец портала оплачивает приложение или тариф; следующая проверка откроет портал сама, а после "
        "portal.start проверит первый же запрос",
    ),
    "misconfigured": (
        "Der Betreiber vergleicht die Schlüssel der Anwendung mit ihrer Karte im Portal (apps.list) und gibt den "
        "richtigen geheimen Schlüssel mit apps.rotate_secret an",
        "Администратор сервиса сверяет ключи приложения с его карточкой на портале (apps.list) и задаёт правильный "
        "секретный ключ командой apps.rotate_secret",
    ),
    "renamed": (
        "Der Betreiber gibt die neue URL des Webhooks mit portal.add_webhook an",
        "Администратор сервиса задаёт новый адрес вебхука командой portal.add_webhook",
    ),
    "blocked": (
        "Tun Sie, was der Code verlangt, im Portal oder mit dem Support von Bitrix24 (docs/runbook.md, Portal blocked "
        "or deleted); das Portal öffnet sich von selbst, wenn die Ursache behoben ist",
        "Сделайте то, чего требует код: на портале или через поддержку Битрикс24 (docs/runbook.md, Portal blocked or "
        "deleted); портал откроется сам, когда причина исчезнет",
    ),
    "unreachable": (
        "Beheben Sie, woran es der Verbindung fehlt: Server des Portals, Name, Zertifikat (PortalCa), private Adresse "
        "(PrivatePortals), Netz der Funktionen; das Portal öffnet sich von selbst, wenn es antwortet",
        "Устраните причину обрыва связи: сервер портала, его имя, сертификат (PortalCa), внутренний адрес "
        "(PrivatePortals), сеть функций; портал откроется сам, когда ответит",
    ),
    "application-missing": (
        "Der Betreiber gibt client_id und client_secret der Anwendung mit apps.add an: ohne sie scheitert die nächste "
        "Erneuerung der Token",
        "Администратор сервиса задаёт client_id и client_secret приложения командой apps.add: без них следующее "
        "обновление токенов не удастся",
    ),
    "moved": (
        "Nichts, wenn die nächste Abfrage gelingt: sie erneuert die Token und lernt die neue Adresse. Für einen "
        "Webhook gibt der Betreiber die neue URL mit portal.add_webhook an",
        "Ничего, если следующий запрос пройдёт: он обновит токены и узнает новый адрес. Для вебхука администратор "
        "сервиса задаёт новый адрес командой portal.add_webhook",
    ),
    "token-refused": (
        "Machen Sie eine Abfrage, die die Token erneuert; bleibt der Befund, öffnet ein Administrator des Portals dort "
        "einmal die Anwendung, oder der Betreiber gibt einen gültigen Webhook mit portal.add_webhook an",
        "Сделайте один запрос: он обновит токены; если проблема осталась, администратор портала один раз открывает там "
        "приложение или администратор сервиса задаёт действующий вебхук командой portal.add_webhook",
    ),
    "portal-failed": (
        "Tun Sie, was der Code verlangt (docs/runbook.md); vergeht es von selbst, fehlt der Befund im nächsten Bericht",
        "Сделайте то, чего требует код (docs/runbook.md); если проблема пройдёт сама, в следующем отчёте её не будет",
    ),
    "not-asked": (
        "Untersuchen Sie in einer Minute noch einmal; bleibt der Befund, tun Sie, was sein Grund verlangt",
        "Повторите проверку через минуту; если проблема осталась, сделайте то, чего требует её причина",
    ),
    "not-checked": (
        "Geben Sie das fehlende Recht, oder sehen Sie selbst nach",
        "Дайте недостающее право или проверьте вручную",
    ),
    "installation-unfinished": (
        "Ein Administrator des Portals öffnet dort die Anwendung und wartet, bis ihre Seite die Installation meldet; "
        "bis dahin sendet das Portal keine Ereignisse und lässt keinen anderen Benutzer zu",
        "Администратор портала открывает там приложение и ждёт, пока его страница сообщит об установке; до этого "
        "портал не отправляет события и не пускает других пользователей",
    ),
    "payment-expired": (
        "Der Inhaber des Portals bezahlt die Anwendung: bis dahin kann das Portal alles ablehnen",
        "Владелец портала оплачивает приложение: до этого портал может отклонять всё",
    ),
    "keys-suspended": (
        "Der Betreiber führt keys.restore aus, oder keys.revoke für jeden Schlüssel, den nichts mehr benutzt",
        "Администратор сервиса выполняет keys.restore, либо keys.revoke для каждого ключа, который больше не нужен",
    ),
    "scope-missing": (
        "Ein Administrator fügt das Recht im Portal der Karte der Anwendung oder dem Webhook hinzu; dann führt der "
        "Betreiber portal.rebind aus, oder portal.add_webhook für einen Webhook. Wird der Teil nicht gebraucht, lassen "
        "Sie es so",
        "Администратор добавляет право в карточку приложения или в вебхук на портале; затем администратор сервиса "
        "выполняет portal.rebind, а для вебхука portal.add_webhook. Если эта часть не нужна, оставьте как есть",
    ),
    "scope-unused": (
        "Der Betreiber führt portal.rebind aus, oder portal.add_webhook für einen Webhook: beide lesen die Rechte neu",
        "Администратор сервиса выполняет portal.rebind, а для вебхука portal.add_webhook: обе команды читают права "
        "заново",
    ),
    "owner-not-administrator": (
        "Machen Sie den Benutzer wieder zum Administrator, oder lassen Sie einen Administrator die Anwendung erneut "
        "installieren: im Namen dieses Benutzers können Bot und Ereignisse nicht registriert werden",
        "Верните пользователю права администратора, или пусть администратор установит приложение снова: от имени этого "
        "пользователя нельзя зарегистрировать бота и события",
    ),
    "token-old": (
        "Machen Sie eine Abfrage, die die Token erneuert, und sehen Sie nach, warum das nicht geplant geschah "
        "(docs/runbook.md, Keepalive missed)",
        "Сделайте один запрос: он обновит токены; выясните, почему этого не произошло по расписанию (docs/runbook.md, "
        "Keepalive missed)",
    ),
    "application-token-missing": (
        "Ein Administrator installiert die Anwendung erneut, oder der Betreiber gibt für einen Bot, den ein Webhook "
        "registriert hat, member_id und application_token mit portal.add_webhook an: bis dahin wird jedes Ereignis als "
        "gefälscht abgelehnt",
        "Администратор устанавливает приложение снова, или администратор сервиса задаёт для бота, зарегистрированного "
        "через вебхук, member_id и application_token командой portal.add_webhook: до этого каждое событие отклоняется "
        "как поддельное",
    ),
    "address-changed": (
        "Der Betreiber führt portal.rebind mit public_url aus, der eigenen Adresse des Dienstes, das Bot und "
        "Ereignisse dort registriert",
        "Администратор сервиса выполняет portal.rebind с public_url, собственным адресом сервиса: бот и события "
        "регистрируются там",
    ),
    "bot-not-registered": _REBIND_BOT,
    "bot-mode": _REBIND_BOT,
    "bot-deprecated": (
        "Aktualisieren Sie den Messenger des Portals, bis er imbot.v2 hat; dann führt der Betreiber portal.rebind aus, "
        "das den Bot damit registriert",
        "Обновите мессенджер портала до версии с imbot.v2; затем администратор сервиса выполняет portal.rebind, и бот "
        "регистрируется через неё",
    ),
    "events-not-bound": _REBIND,
    "events-elsewhere": (
        f"{_REBIND[0]} und die Bindungen früherer Adressen entfernt",
        f"{_REBIND[1]}, привязки прежних адресов удаляются",
    ),
    "pace-lowered": (
        "Es endet von selbst nach fünf Minuten ohne Ablehnung; dauert es an, nutzt auch eine andere Anwendung das "
        "Limit des Portals: der Betreiber wählt eine niedrigere Rate mit portal.set",
        "Пройдёт само через пять минут без отказов; если нет, лимит портала расходует и другое приложение: "
        "администратор сервиса выбирает меньшую частоту командой portal.set",
    ),
    "clock-off": (
        "Stellen Sie die Uhr des Servers des Portals oder die dieser Maschine",
        "Синхронизируйте часы сервера портала или этой машины",
    ),
    "events-waiting": (
        "Sehen Sie nach, warum die Verarbeitung nicht nachkommt (docs/runbook.md, Too many events und Events not "
        "published), oder erhöhen Sie WorkerConcurrency",
        "Выясните, почему обработка не успевает (docs/runbook.md, Too many events и Events not published), или "
        "увеличьте WorkerConcurrency",
    ),
    "dead-letters": (
        "Beseitigen Sie die Ursache (docs/runbook.md, Dead letters); dann schickt der Betreiber die Ereignisse mit "
        "events.redrive zurück",
        "Устраните причину (docs/runbook.md, Dead letters); затем администратор сервиса возвращает события командой "
        "events.redrive",
    ),
}
