"""Whether a page can end an installation, decided without a browser; in one its message decides."""

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
        LIBRARY,
        f"<!doctype html><HTML><HEAD>{LIBRARY}</HEAD><BODY></BODY></HTML>",
        '<script src="https://api.bitrix24.com/api/v1"></script>',
        '<script src="http://127.0.0.1:3020/api/v1/" defer></script><script src="/assets/install.js"></script>',
    ],
)
def test_page_with_the_library_can_end_the_installation(page: str) -> None:
    assert why(page) == ""


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<p>BX24.installFinish()</p>",
        f"<!-- {LIBRARY} -->",
        CALL,
        '<script src="//api.bitrix24.com.evil.example/api/v1/"></script>' + CALL,
        '<script src="http://127.0.0.1:3020.evil.example/api/v1/"></script>',
    ],
)
def test_page_without_the_library_cannot_end_the_installation(page: str) -> None:
    assert "library" in why(page)


def test_only_an_html_page_with_status_200_counts() -> None:
    assert "500" in why(LIBRARY + CALL, status=500)
    assert "HTML" in why(LIBRARY + CALL, content_type="text/plain")
    assert "did not answer" in why(LIBRARY + CALL, status=None)
