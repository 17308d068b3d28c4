"""The process's botocore session: each new one reads the models of its services again."""

from functools import cache

from botocore.session import Session


@cache
def shared() -> Session:
    return Session()
