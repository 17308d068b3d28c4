"""The language that people are answered in follows the portal's."""

from urllib.parse import urlencode

import pytest

from chat_lookup.install.offers import Visit, arrival
from chat_lookup.languages import Language
from tests.support.portals.first_contact import FORM_TYPE, FRAME_FORM, FRAME_QUERY


def visited(query: dict[str, str], form: dict[str, str]) -> Visit:
    came = arrival({name: [value] for name, value in query.items()}, urlencode(form).encode(), FORM_TYPE)
    assert isinstance(came, Visit)
    return came


@pytest.mark.parametrize(
    ("code", "language"),
    [("de", "de"), ("DE", "de"), ("ru", "ru"), ("en", "en"), ("la", "en"), ("", "en"), ("de-AT,en", "de")],
)
def test_the_visitor_is_spoken_to_in_his_language(code: str, language: str) -> None:
    assert visited(FRAME_QUERY | {"LANG": code}, FRAME_FORM).language is Language(language)
