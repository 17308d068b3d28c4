"""The platform's wire format: requests, PHP forms, errors, handlers' addresses."""
