"""The texts of the pages inside the portal, in English, German and Russian. Nothing of a request is quoted."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.errors import InstallationRefused, RefusalReason
from chat_lookup.languages import Language, Sentence, sentence_in


def page_text(key: str, language: Language) -> str:
    """The text for a refusal's reason, a problem's code, a state or a remark; a general one for any other key."""
    return sentence_in(language, _SENTENCES.get(key, _SENTENCES["internal-error"]))


_SENTENCES: Final[Mapping[str, Sentence]] = {
    "title": ("Chat Lookup", "Chat Lookup", "Chat Lookup"),
    "nothing": (
        "This address is for Bitrix24. Open the application in your portal.",
        "Diese Adresse ist für Bitrix24. Öffnen Sie die Anwendung in Ihrem Portal.",
        "Этот адрес предназначен для Битрикс24. Откройте приложение на своём портале.",
    ),
    "installed": (
        "The application is installed.",
        "Die Anwendung ist installiert.",
        "Приложение установлено.",
    ),
    "active": (
        "The application is connected to this portal.",
        "Die Anwendung ist mit diesem Portal verbunden.",
        "Приложение подключено к этому порталу.",
    ),
    "healed": (
        "The connection to this portal is restored.",
        "Die Verbindung zu diesem Portal ist wiederhergestellt.",
        "Связь с этим порталом восстановлена.",
    ),
    "unpaid": (
        "The portal reports that the application or its plan is not paid; look-ups pause until it is.",
        "Das Portal meldet, dass die Anwendung oder der Tarif nicht bezahlt ist; bis dahin ruhen die Abfragen.",
        "Портал сообщает, что приложение или тариф не оплачены; до оплаты запросы приостановлены.",
    ),
    "misconfigured": (
        "The authorisation server does not accept the application's keys. The service's operator has to renew them.",
        "Der Autorisierungsserver akzeptiert die Schlüssel der Anwendung nicht. Der Betreiber muss sie erneuern.",
        "Сервер авторизации не принимает ключи приложения. Их должен обновить тот, кто обслуживает сервис.",
    ),
    # Remarks on a finished installation.
    "no_chat_scope": (
        "Chats cannot be looked up: grant the application the permission Chat and notifications (im), then open it "
        "again.",
        "Chats können nicht gesucht werden: Geben Sie der Anwendung das Recht Chat und Benachrichtigungen (im) und "
        "öffnen Sie sie erneut.",
        "Искать чаты нельзя: дайте приложению право «Чат и уведомления» (im) и откройте его снова.",
    ),
    "no_bot_scope": (
        "There is no bot in the chats: the permission Chat bots (imbot) is not granted.",
        "In den Chats gibt es keinen Bot: Das Recht Chatbots (imbot) ist nicht erteilt.",
        "Бота в чатах нет: право «Чат-боты» (imbot) не предоставлено.",
    ),
    "bot_refused": (
        "There is no bot in the chats: the portal refused to register it.",
        "In den Chats gibt es keinen Bot: Das Portal hat die Registrierung abgelehnt.",
        "Бота в чатах нет: портал отказал в его регистрации.",
    ),
    "bindings_refused": (
        "The portal refused to report updates and the removal of the application.",
        "Das Portal meldet Aktualisierungen und die Entfernung der Anwendung nicht: Es hat dies abgelehnt.",
        "Портал отказался сообщать об обновлениях и удалении приложения.",
    ),
    # Refusals.
    "form": (
        "What the portal sent cannot be read. Close this page and open the application again.",
        "Was das Portal gesendet hat, ist nicht lesbar. Schließen Sie die Seite und öffnen Sie die Anwendung erneut.",
        "То, что прислал портал, не удаётся прочитать. Закройте страницу и откройте приложение снова.",
    ),
    "short_secret": (
        "A token or code of the portal has fewer than 16 characters, which none of Bitrix24 has. Close this page and "
        "open the application again.",
        "Ein Token oder Code des Portals hat weniger als 16 Zeichen, wie keiner von Bitrix24. Schließen Sie die Seite "
        "und öffnen Sie die Anwendung erneut.",
        "Токен или код портала короче 16 символов, у Битрикс24 таких нет. Закройте страницу и откройте приложение "
        "снова.",
    ),
    "server": (
        "The portal names an authorisation server that is not known here. Ask the service's operator.",
        "Das Portal nennt einen Autorisierungsserver, der hier nicht bekannt ist. Fragen Sie den Betreiber.",
        "Портал называет неизвестный здесь сервер авторизации. Обратитесь к тому, кто обслуживает сервис.",
    ),
    "application": (
        "No application is set up here for this portal. The service's operator adds it with the command apps.add.",
        "Für dieses Portal ist hier keine Anwendung eingerichtet. Der Betreiber ergänzt sie mit dem Befehl apps.add.",
        "Для этого портала здесь не настроено приложение. Его добавляет администратор сервиса командой apps.add.",
    ),
    "keys": (
        "The authorisation server does not accept the application's keys. The service's operator has to check them.",
        "Der Autorisierungsserver akzeptiert die Schlüssel der Anwendung nicht. Der Betreiber muss sie prüfen.",
        "Сервер авторизации не принимает ключи приложения. Их должен проверить тот, кто обслуживает сервис.",
    ),
    "member": (
        "This portal is not among those that may install the application. Ask the service's operator.",
        "Dieses Portal gehört nicht zu denen, die die Anwendung installieren dürfen. Fragen Sie den Betreiber.",
        "Этот портал не входит в число тех, кому можно установить приложение. Обратитесь к администратору сервиса.",
    ),
    "no_refresh_token": (
        "The portal sent no refresh token, so nothing can be stored. Open the application in the portal again.",
        "Das Portal hat kein Refresh-Token gesendet, ohne das nichts bleibt. Öffnen Sie die Anwendung dort erneut.",
        "Портал не прислал refresh-токен, без него подключение не сохранить. Откройте приложение на портале ещё раз.",
    ),
    "grant": (
        "The permission that the portal sent was used already or has expired. Close this page and open the "
        "application again.",
        "Die vom Portal gesendete Berechtigung wurde schon benutzt oder ist abgelaufen. Schließen Sie die Seite und "
        "öffnen Sie die Anwendung erneut.",
        "Присланное порталом разрешение уже использовано или истекло. Закройте страницу и откройте приложение снова.",
    ),
    "portal": (
        "The authorisation server knows this portal under another address. Open the application under the portal's "
        "own address.",
        "Der Autorisierungsserver kennt dieses Portal unter einer anderen Adresse. Öffnen Sie die Anwendung unter der "
        "eigenen Adresse des Portals.",
        "Сервер авторизации знает этот портал под другим адресом. Откройте приложение по собственному адресу портала.",
    ),
    "administrator": (
        "Only an administrator of the portal can connect the application. Please ask one to open it once.",
        "Nur ein Administrator des Portals kann die Anwendung verbinden. Bitten Sie ihn, sie einmal zu öffnen.",
        "Подключить приложение может только администратор портала. Попросите его открыть приложение один раз.",
    ),
    "link": (
        "The link was used already or is too old. Begin the installation again.",
        "Der Link wurde schon benutzt oder ist zu alt. Beginnen Sie die Installation erneut.",
        "Ссылка уже использована или устарела. Начните установку заново.",
    ),
    "application_token": (
        "The application token is not one of this portal's.",
        "Das Anwendungstoken gehört nicht zu diesem Portal.",
        "Токен приложения не принадлежит этому порталу.",
    ),
    # Temporary problems.
    "too-many-attempts": (
        "There were too many attempts. Wait a minute, then open the application again.",
        "Es gab zu viele Versuche. Warten Sie eine Minute und öffnen Sie die Anwendung dann erneut.",
        "Слишком много попыток. Подождите минуту и откройте приложение снова.",
    ),
    "installation-in-progress": (
        "The application is being installed at this moment. Wait a minute, then open it again.",
        "Die Anwendung wird gerade installiert. Warten Sie eine Minute und öffnen Sie sie dann erneut.",
        "Приложение сейчас устанавливается. Подождите минуту и откройте его снова.",
    ),
    "portal-unavailable": (
        "The portal or its authorisation server does not answer. Open the application again in a few minutes.",
        "Das Portal oder sein Autorisierungsserver antwortet nicht. Öffnen Sie die Anwendung in einigen Minuten "
        "erneut.",
        "Портал или его сервер авторизации не отвечает. Откройте приложение снова через несколько минут.",
    ),
    "portal-busy": (
        "The portal's limit of requests is used up. Open the application again in a minute.",
        "Das Anfragelimit des Portals ist erschöpft. Öffnen Sie die Anwendung in einer Minute erneut.",
        "Лимит запросов портала исчерпан. Откройте приложение снова через минуту.",
    ),
    "portal-blocked": (
        "The portal admits no requests: its plan does not include them, or it is not paid.",
        "Das Portal lässt keine Anfragen zu: Der Tarif enthält sie nicht oder ist nicht bezahlt.",
        "Портал не принимает запросы: тариф их не включает или не оплачен.",
    ),
    "portal-stopped": (
        "The service's operator has stopped it for this portal. Open the application again when it is started.",
        "Der Betreiber hat den Dienst für dieses Portal angehalten. Öffnen Sie die Anwendung, wenn er wieder läuft.",
        "Сервис для этого портала остановлен его администратором. Откройте приложение, когда он снова заработает.",
    ),
    "store-unavailable": (
        "The service cannot reach its own store. Open the application again in a few minutes.",
        "Der Dienst erreicht seinen eigenen Speicher nicht. Öffnen Sie die Anwendung in einigen Minuten erneut.",
        "Сервис не может обратиться к своему хранилищу. Откройте приложение снова через несколько минут.",
    ),
    "internal-error": (
        "Something failed inside the service. Open the application again; if it fails again, ask the operator.",
        "Im Dienst ist ein Fehler aufgetreten. Öffnen Sie die Anwendung erneut; bleibt er, fragen Sie den Betreiber.",
        "В сервисе произошла ошибка. Откройте приложение снова; если она повторится, обратитесь к администратору "
        "сервиса.",
    ),
}


def refused(reason: RefusalReason) -> InstallationRefused:
    """The error to raise; its detail is the English sentence."""
    return InstallationRefused(reason, page_text(reason, Language.ENGLISH))
