"""What is wrong with a portal, and what mends it; proposes, and changes nothing."""
