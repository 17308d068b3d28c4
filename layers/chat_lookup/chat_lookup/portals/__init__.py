"""What is known of a portal, its API keys and its state, in PortalTable."""
