"""Which test finds which error: a kill matrix of the unit tests. Run by people, not by `make test`; see README.md."""
