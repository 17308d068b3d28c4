"""HTTP servers, certificates and host names on this machine."""
