"""Methods by which clients test their connection, `user.current` and `server.time`: for every key, and nearly free."""

from typing import Final

from chat_lookup.bitrix24.client import Command, OperatingTime
from chat_lookup.calls.operating_budget import WINDOW
from chat_lookup.clock import Clock, Deadline, iso_time
from chat_lookup.http import php_arrays
from chat_lookup.portals.portal import Portal
from chat_lookup.rest.errors import Refusal
from chat_lookup.rest.forwarding import Forwarding
from chat_lookup.rest.profiles import Profiles
from chat_lookup.rest.responses import RestOutcome, Result, time_of

USER_CURRENT: Final = "user.current"
SERVER_TIME: Final = "server.time"
OWN_METHODS: Final = frozenset({USER_CURRENT, SERVER_TIME})
_PROFILE: Final = Command("profile", {})
_FIELDS: Final = ("ID", "NAME", "LAST_NAME", "ADMIN")
"""What is passed on of a profile: whose rights the calls have, and no more of a person."""


class OwnMethods:
    """Returns the outcomes of the service's own methods."""

    def __init__(self, profiles: Profiles, clock: Clock) -> None:
        self._profiles = profiles
        self._clock = clock

    def outcome(self, portal: Portal, method: str, deadline: Deadline) -> RestOutcome:
        """The outcome of one of `OWN_METHODS`."""
        began = self._clock.now()
        value: object = iso_time(began)
        if method == USER_CURRENT:
            user = self._profiles.of(portal, deadline)
            if isinstance(user, Refusal):
                return user
            value = user.value
        # As the portal reports of a method of which nothing was used.
        return Result(value, time_of(began, self._clock.now(), OperatingTime(0.0, began + WINDOW)))


def user_of(forwarding: Forwarding, portal: Portal, deadline: Deadline) -> RestOutcome:
    """The portal's `profile`, reduced to `_FIELDS`."""
    (outcome,) = forwarding.outcomes(portal, [_PROFILE], deadline, changing=False)
    if isinstance(outcome, Refusal):
        return outcome
    profile = php_arrays.entries(outcome.value)
    return Result(php_arrays.as_json({name: profile[name] for name in _FIELDS if name in profile}), {})
