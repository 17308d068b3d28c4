"""The whole state of the portal and its authorisation server, under one lock."""

import threading
from collections.abc import Callable, Mapping

from chat_lookup.clock import Clock
from local.demo_credentials import DemoGrant
from local.portal.behaviour.call_log import CallLog, RecordedCall
from local.portal.behaviour.faults import FaultPlan
from local.portal.behaviour.limits import Plan
from local.portal.behaviour.shape import Shape
from local.portal.content.content import Content, User
from local.portal.content.demo import ADMIN
from local.portal.oauth.applications import Applications, Impossible
from local.portal.oauth.identity import Identity
from local.portal.oauth.installations import Context, Installations
from local.portal.oauth.tokens import ACCESS_S, Pair, Tokens
from local.portal.oauth.webhook import Webhook
from local.portal.protocol import rest_wire


class State:
    """The caller must hold `lock` to read or change the state.

    One lock and no finer ones: a decision about limits or tokens and its consequences must be one step, and each takes
    microseconds. Nothing is sent while it is held.
    """

    def __init__(
        self, clock: Clock, identity: Identity, content: Content, webhook: Webhook, demo: DemoGrant | None = None
    ) -> None:
        self.lock = threading.Lock()
        self.clock = clock
        self.identity = identity
        self.content = content
        self.webhook = webhook
        self.applications = Applications()
        self.installations = Installations(demo.application_token if demo else "")
        self.tokens = Tokens()
        self.demo = demo
        self.plan = Plan()
        self.shape = Shape()
        self.faults = FaultPlan()
        self.calls = CallLog()

    def reset(self) -> None:
        """Drops calls, faults and messages, and restores the default plan; everything else stays."""
        self.plan = Plan()
        self.faults.clear()
        self.calls.clear()
        self.content.messages.clear()

    def installed(self, client_id: str) -> Context | None:
        """An application as it is installed, None if it is not."""
        application, installation = self.applications.get(client_id), self.installations.get(client_id)
        return Context(application, installation) if application and installation else None

    def context_of(self, client_id: str = "") -> Context:
        """The application with this id, or the only one, as it is installed. Raises Impossible if it is not."""
        context = self.installed(self.applications.named(client_id).client_id)
        if context is None:
            raise Impossible("the application is not installed")
        return context

    def user(self, user_id: int) -> User:
        """An active user. Raises Impossible."""
        users = self.content.users
        if user_id not in users or not users[user_id].active:
            active = ", ".join(str(user.id) for user in users.values() if user.active)
            raise Impossible(f"no such user; active users are {active}")
        return users[user_id]

    def issue(self, context: Context, user_id: int, lifetime: float = ACCESS_S) -> Pair:
        """Tokens for an active user. Raises Impossible."""
        return self.tokens.issue(context.installation, self.user(user_id).id, self.clock.now(), lifetime)

    def demonstrated(self, refresh_token: str, client_id: str) -> Pair | None:
        """For the refresh token in the sample events a new pair of the administrator, each time that it is sent: the
        samples must work more than once."""
        context = self.installed(client_id)
        if context is None or self.demo is None or refresh_token != self.demo.refresh_token:
            return None
        return self.issue(context, ADMIN.id)

    def of_access(self, access_token: str) -> Pair | None:
        """The pair of an access token, whether or not it has expired. That of the sample events never does: it is the
        administrator's, in the application that is installed."""
        if self.demo is None or access_token != self.demo.access_token:
            return self.tokens.of_access(access_token)
        installed = (self.installed(application.client_id) for application in self.applications.all())
        context = next(filter(None, installed), None)
        return self.issue(context, ADMIN.id) if context else None

    def recorded(
        self, name: str, params: Mapping[str, object], decide: Callable[[float], rest_wire.Reply]
    ) -> rest_wire.Reply:
        """Decides on a request at this moment, under the lock, and records it."""
        with self.lock:
            at = self.clock.now()
            reply = decide(at)
            self.calls.add(RecordedCall(at, name, params, None if reply.drop else reply.status, reply.error))
        return reply

    def secrets(self) -> set[str]:
        """All secrets, which must not be shown wherever a caller put them."""
        found = {self.webhook.code, *self.tokens.issued}
        found |= {bot.token for bot in self.content.bots.values()}
        found |= {application.client_secret for application in self.applications.all()}
        found |= {installation.application_token for installation in self.installations.all()}
        return found - {""}
