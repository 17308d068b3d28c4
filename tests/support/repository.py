"""Where the sources are."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LAYER: Final = ROOT / "layers" / "chat_lookup"
PACKAGE: Final = LAYER / "chat_lookup"
EVENTS: Final = ROOT / "events"
"""Samples of what each function is invoked with."""
SAMPLES: Final = ROOT / "tests" / "samples"
"""Bodies of events as a portal sends them, and what they decode to."""
