"""Chat ids in CacheTable: rows, leases, rows learned from events."""
