"""The object graph; the only place that makes AWS clients."""
