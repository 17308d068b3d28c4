"""How the portal misbehaves on request: faults, limits, shapes; and the log of its calls."""
