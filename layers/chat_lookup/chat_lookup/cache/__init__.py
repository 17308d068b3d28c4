"""Chat ids in CacheTable: rows, leases, hints from events."""
