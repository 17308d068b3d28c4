"""A portal's record: every field is stored and read back; and the substitute for its member id."""

from typing import Any, cast, get_type_hints

import pytest

from chat_lookup.portals.portal import (
    Portal,
    PortalKind,
    PortalState,
    ResultForm,
    from_item,
    member_id_of_webhook,
    to_item,
)
from tests.support.fakes import MEMBER_ID

ACME = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", scopes=frozenset({"im", "imbot"}))
UNUSUAL: dict[object, object] = {
    str: "text",
    int: 7,
    int | None: 7,
    float: 0.5,
    frozenset[str]: frozenset({"a", "b"}),
    frozenset[str] | None: frozenset({"a", "b"}),
    PortalKind: PortalKind.OAUTH,
    PortalState: PortalState.UNPAID,
    ResultForm: ResultForm.INT,
}
"""For each kind of field a value that no field has by default."""


@pytest.mark.parametrize("name", Portal._fields)
def test_every_field_of_a_record_is_stored_and_read_back(name: str) -> None:
    changes: dict[str, Any] = {name: UNUSUAL[get_type_hints(Portal)[name]]}
    changed = ACME._replace(**changes)
    assert changed != ACME
    assert from_item(cast("Any", to_item(changed))) == changed


def test_substitute_member_id_is_derived_from_the_domain_and_has_the_form_of_one() -> None:
    made = member_id_of_webhook("Acme.bitrix24.com")
    assert made == member_id_of_webhook("acme.bitrix24.com") != member_id_of_webhook("globex.bitrix24.com")
    assert len(made) == 32
    assert int(made, 16) > 0
