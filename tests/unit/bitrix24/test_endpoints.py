"""An endpoint accepts only addresses of the documented form and never shows a secret."""

import pytest

from chat_lookup.bitrix24.endpoints import Endpoint

CODE = "c4nary0code1"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (f"https://example.bitrix24.com/rest/1/{CODE}/", "example.bitrix24.com"),
        (f"https://example.bitrix24.com/rest/1/{CODE}", "example.bitrix24.com"),
        (f"  https://Example.Bitrix24.COM/rest/1/{CODE}/\n", "example.bitrix24.com"),
        (f"https://127.0.0.1:3010/rest/1/{CODE}/", "127.0.0.1:3010"),
        (f"https://[::1]:3010/rest/1/{CODE}/", "[::1]:3010"),
        (f"https://xn--e1afmkfd.xn--p1ai/rest/17/{CODE}/", "xn--e1afmkfd.xn--p1ai"),
    ],
)
def test_webhook_url_is_accepted_as_the_portal_shows_it(url: str, host: str) -> None:
    endpoint = Endpoint.from_webhook(url)

    assert endpoint.host == host
    assert endpoint.base_url.endswith(f"/{CODE}/")
    assert endpoint.is_webhook


@pytest.mark.parametrize(
    "url",
    [
        "",
        CODE,
        f"http://example.bitrix24.com/rest/1/{CODE}/",
        f"https:///rest/1/{CODE}/",
        f"https://user:{CODE}@example.bitrix24.com/rest/1/{CODE}/",
        f"https://@example.bitrix24.com/rest/1/{CODE}/",
        f"https://example.bitrix24.com/rest/1/{CODE}/?x=1",
        f"https://example.bitrix24.com/rest/1/{CODE}/#x",
        f"https://example.bitrix24.com/rest/1/{CODE}/im.chat.get",
        f"https://example.bitrix24.com/rest/me/{CODE}/",
        f"https://example.bitrix24.com/rest/{CODE}/",
        f"https://example.bitrix24.com/rest/api/1/{CODE}/",
        f"https://example.bitrix24.com/x/../rest/1/{CODE}/",
        f"https://example.bitrix24.com/rest/1/{CODE}%2f/",
        f"https://example.bitrix24.com:{CODE}/rest/1/{CODE}/",
        f"https://example.bitrix24.com:0/rest/1/{CODE}/",
        f"https://[{CODE}/rest/1/{CODE}/",
        f"https://exam ple.com/rest/1/{CODE}/",
        f"https://exam\tple.com/rest/1/{CODE}/",
        f"https://пример.рф/rest/1/{CODE}/",
        f"https://{'a' * 64}.com/rest/1/{CODE}/",
        f"https://{'a.' * 130}com/rest/1/{CODE}/",
        f"https://example.com\\@evil.example/rest/1/{CODE}/",
        f"https://example.bitrix24.com/rest/1/{CODE * 200}/",
    ],
)
def test_any_other_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^the address") as caught:
        Endpoint.from_webhook(url)

    assert CODE not in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_endpoint_shows_its_host_and_no_secret() -> None:
    webhook = Endpoint.from_webhook(f"https://example.bitrix24.com/rest/1/{CODE}/")
    oauth = Endpoint("https://example.bitrix24.com/rest/", auth=CODE)

    assert not oauth.is_webhook
    for endpoint in (webhook, oauth):
        assert repr(endpoint) == str(endpoint) == "Endpoint('example.bitrix24.com')"
        assert not hasattr(endpoint, "__dict__")


def test_secret_quoted_by_the_portal_is_masked() -> None:
    webhook = Endpoint.from_webhook(f"https://example.bitrix24.com/rest/1/{CODE}/")
    oauth = Endpoint("https://example.bitrix24.com/rest/", auth=CODE)

    for endpoint in (webhook, oauth):
        assert endpoint.redacted(f"no method at /rest/1/{CODE}/x") == "no method at /rest/1/***/x"


@pytest.mark.parametrize("url", ["https://example.bitrix24.com/rest", "http://example.bitrix24.com/rest/", "/rest/"])
def test_oauth_endpoint_is_checked_as_well(url: str) -> None:
    with pytest.raises(ValueError, match=r"^the address"):
        Endpoint(url, auth=CODE)
