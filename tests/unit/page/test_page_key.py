"""The key of the sessions: read once in five minutes, replaced without a deployment, never guessed."""

import json

import pytest

from chat_lookup.credentials.secret_store import Vault
from chat_lookup.errors import ServiceMisconfigured
from chat_lookup.observability.redaction import MASK, Redactor
from chat_lookup.page.page_key import PageKey
from tests.support.fakes import ManualClock, Stores
from tests.support.portals.page_visitors import with_page_key


def test_replaced_key_is_in_use_within_five_minutes(stores: Stores, clock: ManualClock) -> None:
    name, redactor = with_page_key(stores), Redactor()
    key = PageKey(Vault(stores.secrets, "unit", clock, redactor), name, clock)
    first = key.read()
    stores.secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"key": "n" * 64}))
    assert key.read() == first
    clock.advance(300)
    assert key.read() == b"n" * 64
    assert redactor.clean(f"{first.decode()} {'n' * 64}") == f"{MASK} {MASK}"


@pytest.mark.parametrize("content", [{}, {"key": ""}, {"key": "short"}])
def test_secret_without_a_key_is_a_fault_of_the_service(
    stores: Stores, clock: ManualClock, content: dict[str, str]
) -> None:
    stores.secrets.create_secret(Name="unit/empty", SecretString=json.dumps(content))
    for name in ("unit/empty", "unit/missing"):
        with pytest.raises(ServiceMisconfigured):
            PageKey(Vault(stores.secrets, "unit", clock, Redactor()), name, clock).read()
