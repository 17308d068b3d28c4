"""A REST request from the wire to a method, and the authorisation server."""
