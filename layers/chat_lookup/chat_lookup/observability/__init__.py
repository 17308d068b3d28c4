"""Log lines, metrics, redaction, and the frame of an invocation."""
