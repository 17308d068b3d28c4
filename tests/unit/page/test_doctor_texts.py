"""Each finding has a title in each language, and what mends it names the same commands, parameters and sections."""

import re

import pytest

from chat_lookup.doctor.findings import REMEDIES, FindingCode
from chat_lookup.languages import Language
from chat_lookup.page.doctor_texts import _REMEDIES, _TITLES, remedy_in, title_in

NAMES = re.compile(r"[a-z0-9]+\.[a-z0-9_]+|[a-z]+_[a-z]+|[A-Z][a-z]+[A-Z][A-Za-z]+|docs/\S+?\.md, [A-Z][a-z ]+[a-z]")


def test_each_finding_has_a_title_and_a_remedy_in_each_language() -> None:
    assert _REMEDIES.keys() == _TITLES.keys() == set(FindingCode)
    for language in Language:
        assert len({title_in(language, code) for code in FindingCode}) == len(FindingCode)
    assert all(re.search("[А-Яа-я]", title_in(Language.RUSSIAN, code)) for code in FindingCode)


@pytest.mark.parametrize("code", FindingCode)
def test_remedy_names_the_same_in_each_language(code: FindingCode) -> None:
    english, german, russian = (remedy_in(language, code, REMEDIES[code]) for language in Language)
    assert english == REMEDIES[code]
    assert len({english, german, russian}) == 3
    assert re.search("[а-я]", russian)
    named, *others = (
        set(NAMES.findall(re.sub(" (and|und|и|or) ", " | ", each))) for each in (english, german, russian)
    )
    assert others == [named, named]
