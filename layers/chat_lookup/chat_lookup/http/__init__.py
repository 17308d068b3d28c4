"""What comes in over HTTP and goes out: requests, bodies (JSON, PHP forms), responses, routing."""
