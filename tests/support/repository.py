"""Paths of the sources."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LAYER: Final = ROOT / "layers" / "chat_lookup"
PACKAGE: Final = LAYER / "chat_lookup"
EVENTS: Final = ROOT / "events"
"""Samples of each function's events."""
SAMPLES: Final = ROOT / "tests" / "samples"
"""Bodies of events as a portal sends them, and their decoded form."""
