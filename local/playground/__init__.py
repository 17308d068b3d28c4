"""The page at the local address of the service: look-ups, the bot, faults and what passes, by clicking (design 13)."""
