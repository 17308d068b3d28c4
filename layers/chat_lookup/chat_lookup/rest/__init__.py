"""The platform's own wire format in front of the look-up."""
