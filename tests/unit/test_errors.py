"""The errors that callers see are a contract."""

from chat_lookup import errors
from chat_lookup.errors import ChatLookupError, ChatNotFound, PortalBusy, PortalStopped


def _all() -> list[type[ChatLookupError]]:
    return [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ChatLookupError)
    ]  # fmt: skip


def test_every_error_has_a_code_and_a_title_of_its_own() -> None:
    assert len({each.code for each in _all()}) == len({each.title for each in _all()}) == len(_all()) > 10


def test_exactly_the_errors_that_pass_are_retryable() -> None:
    # 429 and 503 carry Retry-After, so asking again must be of use there and only there; but an operator's stop ends by
    # an operator's command (design 10).
    passing = {each for each in _all() if each.status in (429, 503)} - {PortalStopped}
    assert {each for each in _all() if each.retryable} == passing


def test_an_error_without_a_detail_says_its_title() -> None:
    assert str(ChatNotFound()) == ChatNotFound.title == ChatNotFound().detail


def test_an_error_keeps_the_facts_that_it_was_raised_with() -> None:
    error = PortalBusy("full", portal_error="QUERY_LIMIT_EXCEEDED", retry_after=2.5, hint="wait", extra={"a": 1})
    assert (str(error), error.portal_error, error.retry_after) == ("full", "QUERY_LIMIT_EXCEEDED", 2.5)
    assert (error.hint, error.extra) == ("wait", {"a": 1})
