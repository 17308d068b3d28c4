"""The embedded stand-ins for AWS: stores, queues, the event bus, Lambda and API Gateway."""
