"""Everything that runs on a developer's machine instead of in the cloud (design 3.6)."""
