"""Every chat of an object: its discussion, its open lines, and those of its contacts and company."""
