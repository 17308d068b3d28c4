"""The language of answers follows the portal's language."""

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
def test_visitor_gets_the_page_in_the_portals_language(code: str, language: str) -> None:
    assert visited(FRAME_QUERY | {"LANG": code}, FRAME_FORM).language is Language(language)
