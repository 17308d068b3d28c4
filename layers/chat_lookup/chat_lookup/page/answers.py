"""What the page's script asks, each request with a session and with the user's own token."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from chat_lookup.bitrix24.results import ChatDetails
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import AdministratorRequired, PageSessionRejected
from chat_lookup.languages import Language, language_of
from chat_lookup.lookup.requests import fields_in
from chat_lookup.objects.model import ListedChat
from chat_lookup.page.doctor_texts import remedy_in, title_in
from chat_lookup.page.finding import PageFinder, View, wanted_in
from chat_lookup.page.portal_keys import LONGEST_DAYS, PortalKeys
from chat_lookup.page.sessions import LIVES, Session, Sessions
from chat_lookup.page.viewers import Viewers
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from chat_lookup.doctor.examination import Doctor
    from chat_lookup.doctor.findings import Finding
    from chat_lookup.doctor.queues import QueueDepths
    from chat_lookup.http.requests import Request

_MOST_OFFSET: Final = 100_000


class PageAnswers:
    """Answers requests under /v1/page. An API key opens none of them.

    Raises `PageSessionRejected` and `CallerTokenRejected`, and for administrators' requests `AdministratorRequired`.
    """

    def __init__(
        self,
        portals: Portals,
        sessions: Sessions,
        viewers: Viewers,
        finder: PageFinder,
        keys: PortalKeys,
        doctor: "Callable[[], Doctor]",
        queues: "Callable[[], QueueDepths]",
        own_address: str,
        clock: Clock,
    ) -> None:
        self._portals = portals
        self._sessions = sessions
        self._viewers = viewers
        self._finder = finder
        self._keys = keys
        self._doctor = doctor
        self._queues = queues
        self._own_address = own_address
        self._clock = clock

    def session(self, request: "Request", deadline: Deadline) -> dict[str, object]:
        """A new session for the user of one that ends, or has ended within a day."""
        session = self._sessions.read_for_renewal(_sent(request))
        portal = self._portal(session)
        viewer = self._viewers.who(portal, request.user_token, deadline)
        if viewer.user_id != session.user_id:
            raise PageSessionRejected("The token belongs to another user than the session")
        # A page that was opened for a user becomes none of an administrator's.
        administers = session.is_administrator and viewer.is_administrator
        renewed = self._sessions.begin(portal, viewer.user_id, is_administrator=administers)
        return {"session": renewed, "expires_in": LIVES, "administrator": administers}

    def find(self, request: "Request", deadline: Deadline) -> dict[str, object]:
        """The chats that a query asks for, as far as the viewer may see them."""
        session, portal = self._opened(request)
        fields = fields_in(request.body)
        query = fields.text("query")
        offset = fields.optional_whole("offset", least=0, most=_MOST_OFFSET, as_text=False)
        fields.nothing_else()
        wanted = wanted_in(query, portal, offset or 0)
        return _shown(self._finder.find(portal, session, request.user_token, wanted, deadline))

    def doctor(self, request: "Request", deadline: Deadline) -> dict[str, object]:
        """The doctor's report, the portal's state, and the age of its tokens; for administrators.

        Titles and what to do are in the page's language (`Accept-Language`), what exactly is wrong in English.
        """
        portal = self._administered(request, deadline)
        language = language_of(request.headers.get("accept-language", ""))
        address = self._own_address or f"https://{request.domain_name}"
        findings = [*self._doctor().examine(portal, address, deadline), *self._queues().findings()]
        # The examination may have renewed the tokens.
        current = self._portals.read(portal.member_id) or portal
        age = int(self._clock.now() - current.refreshed_at) if current.refreshed_at else None
        return {
            "state": current.state.value,
            "token_age_seconds": age,
            "findings": [_shown_finding(each, language) for each in findings],
        }

    def keys(self, request: "Request", deadline: Deadline) -> dict[str, object]:
        """The keys that were made on the page; for administrators."""
        self._keys.check_allowed()
        return {"keys": self._keys.listed(self._administered(request, deadline))}

    def create_key(self, request: "Request", deadline: Deadline) -> Mapping[str, object]:
        """A new key, shown this once; for administrators."""
        self._keys.check_allowed()
        portal = self._administered(request, deadline)
        fields = fields_in(request.body)
        label, days = fields.text("label"), fields.optional_whole("days", most=LONGEST_DAYS, as_text=False)
        details = fields.optional_flag("details")
        fields.nothing_else()
        if days is None:
            raise fields.not_given("days")
        return self._keys.create(portal, label, days, details=details)

    def revoke_key(self, request: "Request", key_id: str, deadline: Deadline) -> dict[str, object]:
        """End a key; for administrators."""
        self._keys.check_allowed()
        return {"revoked": self._keys.revoke(self._administered(request, deadline), key_id)}

    def _opened(self, request: "Request") -> tuple[Session, Portal]:
        request.only()
        session = self._sessions.read(_sent(request))
        return session, self._portal(session)

    def _administered(self, request: "Request", deadline: Deadline) -> Portal:
        """The portal, if it confirms now that the token is of an administrator: a session alone does not decide."""
        session, portal = self._opened(request)
        if not session.is_administrator:
            raise AdministratorRequired
        self._viewers.administrator(portal, session.user_id, request.user_token, deadline)
        return portal

    def _portal(self, session: Session) -> Portal:
        """The portal of a session as it is stored now: an uninstallation ends its sessions, for later ones, too."""
        portal = self._portals.read(session.member_id)
        if portal is None or portal.state is PortalState.UNINSTALLED:
            raise PageSessionRejected("The application is not installed in the session's portal any more")
        if portal.generation != session.generation:
            raise PageSessionRejected("The session is of an earlier installation; open the application again")
        return portal


def _sent(request: "Request") -> str | None:
    return request.headers.get("x-page-session")


def _shown_finding(finding: "Finding", language: Language) -> dict[str, object]:
    code = finding.code
    return finding.shown() | {"title": title_in(language, code), "remedy": remedy_in(language, code, finding.remedy)}


def _shown(view: View) -> dict[str, object]:
    return {
        "entity_type": view.ref.entity_type if view.ref else None,
        "entity_id": view.ref.entity_id if view.ref else None,
        "chats": [_chat(listed, details) for listed, details in view.chats],
        "source": view.source,
        "age_seconds": view.age_seconds,
        "notes": view.notes,
        "more": view.more,
    }


def _chat(listed: ListedChat, details: ChatDetails) -> dict[str, object]:
    line = listed.line
    kind = "open_line" if line or details.open_line else "discussion"
    body: dict[str, object] = {
        "chat_id": details.chat_id,
        "dialog_id": f"chat{details.chat_id}",
        "kind": kind,
        "title": details.title,
    }
    if listed.of:
        body["of"] = listed.of
    if line is not None:
        body |= {"connector": line.connector, "connector_title": line.connector_title, "active": line.active}
    return body
