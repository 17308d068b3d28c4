"""HTTP: requests, bodies (JSON, PHP forms), responses, routing."""
