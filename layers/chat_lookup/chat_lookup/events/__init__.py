"""A portal's events: decode, verify, queue, work off, publish."""
