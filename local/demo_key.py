"""The one API key that everybody knows: it opens the demo portal of a local run, and nothing anywhere else.

The samples in `events/` carry it, so that `sam local invoke LookupFunction -e events/lookup-http.json` works as it
stands. Only the embedded stores of a local run ever hold its hash; in a deployed stack it is one more unknown key.
"""

from typing import Final

DEMO_KEY: Final = "clk_local-demo-key-not-a-secret"
