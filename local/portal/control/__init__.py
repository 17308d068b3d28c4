"""The control address, by which tests and people play the portal."""
