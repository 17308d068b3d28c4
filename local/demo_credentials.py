"""Public credentials: they open the demo portal of a local run, and nothing else.

The samples in `events/` carry them, so that `sam local invoke LookupFunction -e events/lookup-http.json` works
unchanged, and `-e events/install-frame.json` installs the application any number of times. Only the embedded stores of
a local run contain the key's hash, and only the local portal accepts the tokens.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DemoGrant:
    """A portal in the samples: its member id, the application token of its first installation, and the tokens of its
    administrator. None of them is a secret."""

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
DEMO_KEY: Final = "clk_local-demo-key-not-a-secret"
