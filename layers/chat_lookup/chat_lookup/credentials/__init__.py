"""Tokens, webhooks and application secrets in Secrets Manager, and their renewal."""
