"""The platform's client: requests, replies, errors, addresses. Knows nothing of AWS."""
