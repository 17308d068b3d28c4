"""The platform's client: its methods' wire format, its errors, its addresses. Knows nothing of AWS."""
