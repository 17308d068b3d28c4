"""The errors that callers see are a contract."""

import pytest

from chat_lookup import errors
from chat_lookup.errors import ChatLookupError, ChatNotFound, PortalBusy, PortalStopped


def _all() -> list[type[ChatLookupError]]:
    return [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ChatLookupError)
    ]  # fmt: skip


def test_every_error_has_its_own_code_and_title() -> None:
    assert len({each.code for each in _all()}) == len({each.title for each in _all()}) == len(_all()) > 10


def test_only_transient_errors_are_retryable() -> None:
    # 429 and 503 carry Retry-After, so a retry must be useful there and only there; but an operator's stop ends by
    # an operator's command (design 10).
    passing = {each for each in _all() if each.status in (429, 503)} - {PortalStopped}
    assert {each for each in _all() if each.retryable} == passing


@pytest.mark.parametrize("leaf", _all())
def test_detail_of_each_error_does_not_repeat_its_title(leaf: type[ChatLookupError]) -> None:
    assert leaf.detail
    assert leaf.detail != leaf.title
    assert "detail" in vars(leaf)


def test_error_without_a_detail_has_that_of_its_kind_as_text() -> None:
    assert str(ChatNotFound()) == ChatNotFound.detail == ChatNotFound().detail


def test_error_keeps_the_fields_that_it_was_raised_with() -> None:
    error = PortalBusy("full", portal_error="QUERY_LIMIT_EXCEEDED", retry_after=2.5, hint="wait", extra={"a": 1})
    assert (str(error), error.portal_error, error.retry_after) == ("full", "QUERY_LIMIT_EXCEEDED", 2.5)
    assert (error.hint, error.extra) == ("wait", {"a": 1})
