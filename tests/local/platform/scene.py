"""One call of the walk, and what the portal has to answer."""

from typing import Any, Final, NamedTuple

from tests.local.platform.stage import Caller, Params

WEBHOOK: Final = Caller()


class Scene(NamedTuple):
    """`refused` is the code of the refusal, empty if the call has a result. `sampled`: the result is compared with the
    page's sample answer."""

    method: str
    params: Params
    refused: str = ""
    caller: Caller = WEBHOOK
    sampled: bool = True


def usual(method: str, caller: Caller = WEBHOOK, /, **params: Any) -> Scene:
    return Scene(method, params, caller=caller)


def otherwise(method: str, caller: Caller = WEBHOOK, /, **params: Any) -> Scene:
    """A further usual call, for which the page has no sample."""
    return Scene(method, params, caller=caller, sampled=False)


def refused(method: str, code: str, caller: Caller = WEBHOOK, /, **params: Any) -> Scene:
    return Scene(method, params, code, caller)
