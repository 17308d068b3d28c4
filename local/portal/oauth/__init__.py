"""Applications, installations, tokens, webhooks and what they grant."""
