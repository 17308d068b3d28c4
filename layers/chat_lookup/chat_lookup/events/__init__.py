"""A portal's events: decode, verify, queue, process, publish."""
