"""Installation, proof, registration, removal, and the pages that show them."""
