"""The texts of the pages inside the portal, in English, German and Russian.

Of a request they quote a refused address, where that is made of nothing but names and numbers.
"""

from collections.abc import Mapping
from typing import Final

from chat_lookup.bitrix24.endpoints import AddressFault, RefusedAddress
from chat_lookup.bitrix24.errors import NoConnection
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
    "link-to-portal": (
        "This link leads to the portal that you are to permit the application in. Follow it only if this is your "
        "portal's address.",
        "Dieser Link führt zu dem Portal, in dem Sie die Anwendung zulassen sollen. Folgen Sie ihm nur, wenn dies die "
        "Adresse Ihres Portals ist.",
        "Эта ссылка ведёт на портал, где вам предстоит разрешить приложение. Переходите по ней, только если это адрес "
        "вашего портала.",
    ),
    "installed": (
        "The application is installed.",
        "Die Anwendung ist installiert.",
        "Приложение установлено.",
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
    # The installer's page, step by step.
    "installing": (
        "Chat Lookup is being set up in this portal.",
        "Chat Lookup wird in diesem Portal eingerichtet.",
        "Chat Lookup настраивается на этом портале.",
    ),
    "step-proved": (
        "Confirm the portal and an administrator",
        "Portal und Administrator bestätigen",
        "Проверка портала и администратора",
    ),
    "step-stored": (
        "Store the connection, encrypted",
        "Verbindung verschlüsselt speichern",
        "Сохранение подключения в зашифрованном виде",
    ),
    "step-bot": ("Register the bot", "Bot registrieren", "Регистрация бота"),
    "step-events": (
        "Receive the portal's reports of updates and removal",
        "Meldungen des Portals über Aktualisierung und Entfernung empfangen",
        "Получение сообщений портала об обновлениях и удалении",
    ),
    "waiting": ("waits", "wartet", "в очереди"),
    "working": ("in progress", "läuft", "выполняется"),
    "done": ("done", "fertig", "готово"),
    "missing": ("missing", "fehlt", "отсутствует"),
    "failed": ("failed", "gescheitert", "ошибка"),
    "again": ("Try again", "Erneut versuchen", "Повторить"),
    "finish": ("Finish the installation", "Installation abschließen", "Завершить установку"),
    "open": ("Open the application", "Anwendung öffnen", "Открыть приложение"),
    "finishing": (
        "Everything is set up. The portal finishes the installation now.",
        "Alles ist eingerichtet. Das Portal schließt die Installation jetzt ab.",
        "Всё настроено. Портал завершает установку.",
    ),
    "with-remarks": (
        "The application works, with what is missing above. Finish the installation, or mend it first and try again.",
        "Die Anwendung funktioniert ohne das, was oben fehlt. Schließen Sie die Installation ab, oder beheben Sie es "
        "und versuchen Sie es erneut.",
        "Приложение работает без того, что отмечено выше. Завершите установку или сначала исправьте это и повторите.",
    ),
    "no-library": (
        "The portal's script api.bitrix24.com/api/v1/ was not loaded, so the installation cannot be finished. Admit it "
        "in your network, then open this page again.",
        "Das Skript des Portals api.bitrix24.com/api/v1/ wurde nicht geladen, daher kann die Installation nicht "
        "abgeschlossen werden. Lassen Sie es in Ihrem Netz zu, und öffnen Sie die Seite erneut.",
        "Скрипт портала api.bitrix24.com/api/v1/ не загрузился, поэтому установку не завершить. Разрешите его в своей "
        "сети и откройте страницу снова.",
    ),
    "no-answer": (
        "The service did not answer. Check your connection, then try again.",
        "Der Dienst hat nicht geantwortet. Prüfen Sie Ihre Verbindung, und versuchen Sie es erneut.",
        "Сервис не ответил. Проверьте соединение и повторите.",
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
    # A portal's address that is not called; it is shown where it is made of nothing but names and numbers.
    AddressFault.SCHEME: (
        "The portal's address {address} begins with http://. The service calls portals by https only: the portal has "
        "to offer that, with a certificate.",
        "Die Adresse des Portals {address} beginnt mit http://. Der Dienst ruft Portale nur über https auf: Das Portal "
        "muss dies anbieten, mit einem Zertifikat.",
        "Адрес портала {address} начинается с http://. Сервис обращается к порталам только по https: портал должен его "
        "поддерживать и иметь сертификат.",
    ),
    AddressFault.LETTERS: (
        "The portal's address {address} has letters that only its form {instead} can be called by. Open the portal "
        "under that address, and use it wherever the service's settings name the portal.",
        "Die Adresse des Portals {address} hat Buchstaben, mit denen nur ihre Form {instead} aufgerufen werden kann. "
        "Öffnen Sie das Portal unter dieser Adresse, und verwenden Sie sie in den Einstellungen des Dienstes.",
        "Адрес портала {address} содержит буквы, с которыми вызывается только его форма {instead}. Откройте портал по "
        "этому адресу и указывайте его в настройках сервиса.",
    ),
    AddressFault.PORT: (
        "The portal's address {address} has a port of its own. The service's operator admits it by naming {instead} in "
        "the parameter PrivatePortals.",
        "Die Adresse des Portals {address} hat einen eigenen Port. Der Betreiber lässt sie zu, indem er {instead} im "
        "Parameter PrivatePortals nennt.",
        "Адрес портала {address} содержит отдельный порт. Администратор сервиса разрешает его, указав {instead} в "
        "параметре PrivatePortals.",
    ),
    AddressFault.IP: (
        "The portal's address {address} is a number, not a name. The service's operator admits it by naming {instead} "
        "in the parameter PrivatePortals.",
        "Die Adresse des Portals {address} ist eine Nummer und kein Name. Der Betreiber lässt sie zu, indem er "
        "{instead} im Parameter PrivatePortals nennt.",
        "Адрес портала {address} — число, а не имя. Администратор сервиса разрешает его, указав {instead} в параметре "
        "PrivatePortals.",
    ),
    AddressFault.NAME: (
        "The portal's address {address} is no name of the public internet. The service's operator admits it by naming "
        "{instead} in the parameter PrivatePortals.",
        "Die Adresse des Portals {address} ist kein Name des öffentlichen Internets. Der Betreiber lässt sie zu, indem "
        "er {instead} im Parameter PrivatePortals nennt.",
        "Адрес портала {address} не является именем общедоступного интернета. Администратор сервиса разрешает его, "
        "указав {instead} в параметре PrivatePortals.",
    ),
    AddressFault.PRIVATE: (
        "The portal's address {address} leads into a private network. The service's operator admits it by naming "
        "{instead} in the parameter PrivatePortals.",
        "Die Adresse des Portals {address} führt in ein privates Netz. Der Betreiber lässt sie zu, indem er {instead} "
        "im Parameter PrivatePortals nennt.",
        "Адрес портала {address} ведёт в частную сеть. Администратор сервиса разрешает его, указав {instead} в "
        "параметре PrivatePortals.",
    ),
    AddressFault.OTHER: (
        "The portal's address {address} cannot be called. Give the portal a DNS name of letters, digits and hyphens, "
        "and open it under that.",
        "Die Adresse des Portals {address} kann nicht aufgerufen werden. Geben Sie dem Portal einen DNS-Namen aus "
        "Buchstaben, Ziffern und Bindestrichen, und öffnen Sie es darunter.",
        "По адресу портала {address} обратиться нельзя. Дайте порталу имя DNS из букв, цифр и дефисов и откройте его "
        "по этому имени.",
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
        "The authorisation server does not accept the application's keys. The service's operator has to check them, "
        "and gives those of a card that was made anew with the command apps.add.",
        "Der Autorisierungsserver akzeptiert die Schlüssel der Anwendung nicht. Der Betreiber muss sie prüfen; die "
        "einer neu angelegten Karte gibt er mit dem Befehl apps.add an.",
        "Сервер авторизации не принимает ключи приложения. Их должен проверить администратор сервиса; ключи созданной "
        "заново карточки он указывает командой apps.add.",
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
    # Whatever nothing proves, in every state of a portal.
    "grant": (
        "The permission that the portal sent was used already or has expired, or it is for an application whose keys "
        "are not known here. Close this page and open the application again. If this page comes back, the service's "
        "operator has to add the application's keys with the command apps.add.",
        "Die vom Portal gesendete Berechtigung wurde schon benutzt oder ist abgelaufen, oder sie gilt für eine "
        "Anwendung, deren Schlüssel hier nicht bekannt sind. Schließen Sie die Seite und öffnen Sie die Anwendung "
        "erneut. Kommt diese Seite wieder, muss der Betreiber die Schlüssel der Anwendung mit dem Befehl apps.add "
        "ergänzen.",
        "Присланное порталом разрешение уже использовано, истекло или относится к приложению, ключи которого здесь "
        "неизвестны. Закройте страницу и откройте приложение снова. Если эта страница появится опять, администратор "
        "сервиса должен добавить ключи приложения командой apps.add.",
    ),
    "card": (
        "The portal accepts you, but the authorisation server issues nothing for the application whose keys are known "
        "here. Either this page was sent twice: close it and open the application again. Or the application's card was "
        "made anew: then the service's operator has to give the keys of the new card with the command apps.add.",
        "Das Portal akzeptiert Sie, aber der Autorisierungsserver stellt für die Anwendung, deren Schlüssel hier "
        "bekannt sind, nichts aus. Entweder wurde diese Seite zweimal gesendet: Schließen Sie sie und öffnen Sie die "
        "Anwendung erneut. Oder die Karte der Anwendung wurde neu angelegt: Dann muss der Betreiber die Schlüssel der "
        "neuen Karte mit dem Befehl apps.add angeben.",
        "Портал вас принимает, но сервер авторизации ничего не выдаёт приложению, ключи которого здесь известны. Либо "
        "эта страница отправлена дважды: закройте её и откройте приложение снова. Либо карточка приложения создана "
        "заново: тогда администратор сервиса должен указать ключи новой карточки командой apps.add.",
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
    NoConnection.UNKNOWN_HOST: (
        "The portal's address, or that of its authorisation server, is a name that is unknown here. Ask the service's "
        "operator.",
        "Die Adresse des Portals oder seines Autorisierungsservers ist ein Name, der hier unbekannt ist. Fragen Sie "
        "den Betreiber.",
        "Адрес портала или его сервера авторизации здесь неизвестен. Обратитесь к администратору сервиса.",
    ),
    NoConnection.NO_NAME_SERVER: (
        "The portal's address could not be looked up. Open the application again in a few minutes.",
        "Die Adresse des Portals konnte nicht ermittelt werden. Öffnen Sie die Anwendung in einigen Minuten erneut.",
        "Адрес портала не удалось определить. Откройте приложение снова через несколько минут.",
    ),
    NoConnection.REFUSED: (
        "The portal or its authorisation server refuses the service's connections. Its administrator has to admit "
        "them.",
        "Das Portal oder sein Autorisierungsserver lehnt die Verbindungen des Dienstes ab. Sein Administrator muss sie "
        "zulassen.",
        "Портал или его сервер авторизации отклоняет соединения сервиса. Администратор портала должен их разрешить.",
    ),
    NoConnection.NO_WAY: (
        "The service's network has no way to the portal or its authorisation server. Ask the service's operator.",
        "Vom Netz des Dienstes führt kein Weg zum Portal oder zu seinem Autorisierungsserver. Fragen Sie den "
        "Betreiber.",
        "Из сети сервиса нет пути к порталу или его серверу авторизации. Обратитесь к администратору сервиса.",
    ),
    NoConnection.TIMED_OUT: (
        "No connection to the portal or its authorisation server came about in time. Open the application again in a "
        "few minutes; if this page comes back, a firewall may be in the way.",
        "Eine Verbindung zum Portal oder zu seinem Autorisierungsserver kam nicht rechtzeitig zustande. Öffnen Sie die "
        "Anwendung in einigen Minuten erneut; kommt diese Seite wieder, ist vielleicht eine Firewall im Weg.",
        "Соединение с порталом или его сервером авторизации не установлено вовремя. Откройте приложение снова через "
        "несколько минут; если страница появится опять, возможно, мешает межсетевой экран.",
    ),
    NoConnection.NOT_TRUSTED: (
        "The certificate of the portal or its authorisation server is not trusted here. The service's operator gives "
        "its authority by the parameter PortalCa.",
        "Dem Zertifikat des Portals oder seines Autorisierungsservers wird hier nicht vertraut. Der Betreiber gibt "
        "dessen Zertifizierungsstelle mit dem Parameter PortalCa an.",
        "Сертификату портала или его сервера авторизации здесь не доверяют. Администратор сервиса указывает его центр "
        "сертификации параметром PortalCa.",
    ),
    NoConnection.NOT_VALID_NOW: (
        "The certificate of the portal or its authorisation server has expired, or is not valid yet. Its administrator "
        "has to renew it.",
        "Das Zertifikat des Portals oder seines Autorisierungsservers ist abgelaufen oder noch nicht gültig. Sein "
        "Administrator muss es erneuern.",
        "Сертификат портала или его сервера авторизации истёк или ещё не действует. Администратор портала должен его "
        "обновить.",
    ),
    NoConnection.OTHER_HOST: (
        "The certificate of the portal or its authorisation server is for another address. Its administrator has to "
        "renew it.",
        "Das Zertifikat des Portals oder seines Autorisierungsservers gilt für eine andere Adresse. Sein Administrator "
        "muss es erneuern.",
        "Сертификат портала или его сервера авторизации выдан для другого адреса. Администратор портала должен его "
        "обновить.",
    ),
    NoConnection.NO_TLS: (
        "The portal or its authorisation server offers no HTTPS connection that the service can use.",
        "Das Portal oder sein Autorisierungsserver bietet keine HTTPS-Verbindung, die der Dienst benutzen kann.",
        "Портал или его сервер авторизации не предлагает соединение HTTPS, пригодное для сервиса.",
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
    "portal-reauthorise": (
        "The portal no longer accepts the service. An administrator of the portal has to open the application.",
        "Das Portal akzeptiert den Dienst nicht mehr. Ein Administrator des Portals muss die Anwendung öffnen.",
        "Портал больше не принимает сервис. Администратор портала должен открыть приложение.",
    ),
    "portal-misconfigured": (
        "The portal does not accept the application's keys or permissions. Ask an administrator of the portal.",
        "Das Portal akzeptiert die Schlüssel oder Rechte der Anwendung nicht. Fragen Sie einen Administrator.",
        "Портал не принимает ключи или права приложения. Обратитесь к администратору портала.",
    ),
    "deadline": (
        "The portal did not answer in time. Try again in a moment.",
        "Das Portal hat nicht rechtzeitig geantwortet. Versuchen Sie es gleich noch einmal.",
        "Портал не ответил вовремя. Повторите немного позже.",
    ),
    "service-misconfigured": (
        "The service is not set up correctly. Ask its operator.",
        "Der Dienst ist nicht richtig eingerichtet. Fragen Sie den Betreiber.",
        "Сервис настроен неправильно. Обратитесь к администратору сервиса.",
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


def refused_by(found: RefusedAddress, reason: RefusalReason = RefusalReason.FORM) -> InstallationRefused:
    """The same for an address; `found` has nothing that is not harmless to show."""
    fault, address, instead = found
    detail = _of_address(page_text(fault, Language.ENGLISH), address, instead)
    return InstallationRefused(reason, detail, cause=fault, address=address, instead=instead)


def refusal_text(error: InstallationRefused, language: Language) -> str:
    """The sentence for a refusal."""
    return _of_address(page_text(error.cause or error.reason, language), error.address, error.instead)


def _of_address(text: str, address: str, instead: str) -> str:
    return text.replace("{address}", address).replace("{instead}", instead)
