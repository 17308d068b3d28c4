"""One call to a portal: rate limit, operating time, circuit breaker, retries, a fresh token."""
