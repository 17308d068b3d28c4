"""`Retry-After` in every form that portals and the proxies before them write, and without the header."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.http import LONGEST_RETRY_AFTER, retry_at

NOW = 1_763_000_000.0


def dated(seconds: float, form: str = "%a, %d %b %Y %H:%M:%S GMT") -> str:
    """The moment so many seconds from now, in one of HTTP's forms."""
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)).strftime(form)


RFC_850 = "%A, %d-%b-%y %H:%M:%S GMT"
ASCTIME = "%a %b %d %H:%M:%S %Y"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30), (" 30 ", 30), ("0", 0), ("007", 7), ("1.5", 1.5), ("600", 600),
        (dated(90), 90), (dated(90, RFC_850), 90), (dated(90, ASCTIME), 90), (dated(0), 0), (dated(-3600), 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_each_form_of_a_date(text: str, seconds: float) -> None:
    assert retry_at({"Retry-After": text}, NOW) == pytest.approx(NOW + seconds, abs=1)


@pytest.mark.parametrize(
    "text", ["31536000", "601", "9" * 12, dated(365 * 86400), dated(3600, RFC_850), "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_more_than_ten_minutes_count_as_ten_minutes(text: str) -> None:
    assert retry_at({"Retry-After": text}, NOW) == NOW + LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-5", "-0.1", "+30", "1e3", "0x1e", "30s", "30, 30", "nan", "inf", "soon", "tomorrow", "٣٠", "9" * 400,
        "Wed", "Wed, 99 Nov 2026 25:61:61 GMT", "Fri, 31 Dec 99999 23:59:59 GMT", "\x00",
    ],
)  # fmt: skip
def test_retry_after_of_another_form_is_ignored(text: str) -> None:
    assert retry_at({"Retry-After": text}, NOW) is None


def test_missing_retry_after_gives_no_time() -> None:
    assert retry_at({"Date": dated(0)}, NOW) is None


@pytest.mark.parametrize("apart", [-7200, -90, 90, 7200])
def test_date_is_measured_by_the_senders_own_clock(apart: float) -> None:
    headers = {"Retry-After": dated(apart + 120), "Date": dated(apart)}

    assert retry_at(headers, NOW) == pytest.approx(NOW + 120, abs=1)


def test_seconds_are_measured_by_our_clock_and_not_the_senders() -> None:
    assert retry_at({"Retry-After": "30", "Date": dated(7200)}, NOW) == NOW + 30


@given(
    st.text(max_size=40)
    | st.from_regex(r"[-+]?[0-9]{0,20}(\.[0-9]*)?", fullmatch=True)
    | st.datetimes().map(lambda moment: format_datetime(moment.replace(tzinfo=UTC), usegmt=True)),
    st.text(max_size=40),
)
def test_retry_after_of_any_headers_is_absent_or_within_bounds(text: str, date: str) -> None:
    moment = retry_at({"Retry-After": text, "Date": date}, NOW)

    assert moment is None or NOW <= moment <= NOW + LONGEST_RETRY_AFTER
