"""The embedded replacements for AWS: stores, queues, the event bus, Lambda and API Gateway."""
