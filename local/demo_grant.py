"""The portal and the grant that everybody knows: those of the demo portal of a local run, and of nothing anywhere else.

The samples in `events/` carry them, so that `sam local invoke InstallFunction -e events/install-frame.json` installs
the application as it stands, as often as one likes. Only the local portal knows them; to every other authorisation
server the refresh token is one that it never issued.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DemoGrant:
    """What the samples say of a portal: its member id, the application token of its first installation, and the tokens
    of its administrator. None of them is a secret."""

    member_id: str
    application_token: str
    access_token: str
    refresh_token: str


DEMO_GRANT: Final = DemoGrant(
    member_id="f0e1d2c3b4a5968778695a4b3c2d1e0f",
    application_token="local-demo-application-token-not-a-secret",  # noqa: S106 - indeed
    access_token="local-demo-access-token-not-a-secret",  # noqa: S106 - indeed
    refresh_token="local-demo-refresh-token-not-a-secret",  # noqa: S106 - indeed
)
