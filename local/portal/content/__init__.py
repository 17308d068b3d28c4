"""Chats, messages and users, and their JSON."""
