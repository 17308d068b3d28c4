"""What a credential of a portal allows."""

from dataclasses import dataclass

from local.portal.oauth.installations import Context

BASIC = "basic"  # the scope that every grant has


@dataclass(frozen=True, slots=True)
class Grant:
    """What a credential allows. `account` is charged with the operating time of a call; a webhook has no `context`."""

    account: str
    user_id: int
    scopes: frozenset[str]
    context: Context | None = None

    @property
    def client_id(self) -> str:
        """The application's, empty for a webhook."""
        return self.context.client_id if self.context else ""

    def allows(self, scope: str) -> bool:
        """Whether a method's scope is granted; of several scopes, separated by blanks, any one suffices."""
        return scope == BASIC or not self.scopes.isdisjoint(scope.split())
