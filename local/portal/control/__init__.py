"""The control address, by which tests and people control the portal."""
