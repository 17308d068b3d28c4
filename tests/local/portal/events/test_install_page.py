"""Whether a page ends an installation, decided as a browser would, but without a browser."""

import pytest

from local.portal.events.http_delivery import Answer
from local.portal.events.install_page import why_unfinished

LIBRARY = '<script src="//api.bitrix24.com/api/v1/"></script>'
CALL = "<script>BX24.init(() => BX24.installFinish());</script>"


def why(body: str, status: int | None = 200, content_type: str = "text/html; charset=utf-8") -> str:
    return why_unfinished(Answer(status, content_type, body))


@pytest.mark.parametrize(
    "page",
    [
        LIBRARY + CALL,
        f"<!doctype html><HTML><HEAD>{LIBRARY}</HEAD><BODY>{CALL}</BODY></HTML>",
        '<script src="https://api.bitrix24.com/api/v1"></script><script>BX24 . installFinish ( );</script>',
        f'{LIBRARY}<script nonce="abc">if (a < b) {{ BX24.installFinish(); }}</script>',
    ],
)
def test_page_with_library_and_call_ends_the_installation(page: str) -> None:
    assert why(page) == ""


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("", "no script"),
        ("<p>BX24.installFinish()</p>", "no script"),
        (f"<!-- {LIBRARY + CALL} -->", "no script"),
        (f"{LIBRARY}<script>BX24.installFinished = true;</script>", "no script"),
        (f"{LIBRARY}<script>notBX24.installFinish();</script>", "no script"),
        (CALL, "library"),
        ('<script src="//api.bitrix24.com.evil.example/api/v1/"></script>' + CALL, "library"),
    ],
)
def test_page_without_library_or_call_does_not_end_the_installation(page: str, reason: str) -> None:
    assert reason in why(page)


def test_only_an_html_page_with_status_200_counts() -> None:
    assert "500" in why(LIBRARY + CALL, status=500)
    assert "HTML" in why(LIBRARY + CALL, content_type="text/plain")
    assert "did not answer" in why(LIBRARY + CALL, status=None)
