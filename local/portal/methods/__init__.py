"""The REST methods that the portal serves."""
