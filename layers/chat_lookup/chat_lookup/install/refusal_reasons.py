"""Why somebody who says that he installs the application is not believed (design 5, Trust)."""

from enum import StrEnum

from chat_lookup.errors import InstallationRefused
from chat_lookup.install.page_texts import Language, said


class Refusal(StrEnum):
    """A closed set: each has its sentence in `words`, and is a value of the metric EventsRejected."""

    FORM = "form"
    """A field is missing, or not what it should be."""
    SERVER = "server"
    """The authorisation server is none that is known."""
    APPLICATION = "application"
    """No application of ours can be the one: none is for this portal, and there is no market one."""
    KEYS = "keys"
    """The authorisation server does not accept the application's keys."""
    MEMBER = "member"
    """The portal is not on the list of those that may install."""
    NO_REFRESH_TOKEN = "no_refresh_token"  # noqa: S105 - a name, not a secret
    """An access token alone proves nothing that is documented, and would last an hour (bitrix24.md 9, row 1)."""
    GRANT = "grant"
    """The authorisation server does not honour what was offered: used, expired, or of another application."""
    PORTAL = "portal"
    """What the authorisation server answered speaks of another portal than the offer, or of none that can be called."""
    ADMINISTRATOR = "administrator"
    """Whose grant it is is no administrator; any user can read his own tokens in a frame (bitrix24.md 9, row 2)."""
    LINK = "link"
    """A `state` that we did not issue, or that was used, or too old."""
    TOKEN = "application_token"  # noqa: S105 - as above
    """The application token is not one of the portal's."""


def refused(reason: Refusal) -> InstallationRefused:
    """The error to raise; its detail is the English sentence."""
    return InstallationRefused(reason, said(reason, Language.ENGLISH))
