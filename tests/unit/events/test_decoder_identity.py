"""The identity of an event that is sent again, and the removal of every credential by the decoder."""

import pytest

from chat_lookup.events.decoder import decode
from chat_lookup.events.model import Record
from tests.support.events.wire_events import (
    APPLICATION_TOKEN,
    DOMAIN,
    MEMBER_ID,
    NAMES,
    Changes,
    Tree,
    arrived,
    encoded,
    event,
    sample,
)
from tests.support.portals.first_contact import FORM_TYPE

ADD, COMMAND, JOIN, DELETED = "v1-message-add-group", "v1-command", "v1-join", "v1-bot-delete"
ADD_V2, JOIN_V2, DELETED_V2 = "v2-message-add", "v2-join", "v2-bot-delete"
TOKENS = ("at-bot-567", "rt-bot-567", "at-bot-456", "at-user-27", "rt-user-27", APPLICATION_TOKEN)


def identity(name: str, changes: Changes | None = None) -> str:
    return arrived(name, changes).identity


def sent_again(name: str, **top: object) -> Tree:
    """A later sending of the same event: other tokens in every block, another handler, another moment."""

    def renewed(tree: Tree) -> Tree:
        return {key: renewed(value) if isinstance(value, dict) else _renewed(key, value) for key, value in tree.items()}

    return renewed(sample(name)) | {"event_handler_id": "999"} | top


def _renewed(key: str, value: str) -> str:
    if key in ("access_token", "refresh_token", "application_token"):
        return f"another-{value}"
    return "1999999999" if key.startswith("expires") else value


@pytest.mark.parametrize("name", NAMES)
def test_event_has_the_same_identity_after_its_tokens_were_renewed(name: str) -> None:
    assert decode(encoded(sent_again(name)), FORM_TYPE).identity == identity(name)


@pytest.mark.parametrize("name", NAMES)
def test_time_of_sending_is_part_of_the_identity_only_without_a_message(name: str) -> None:
    later = decode(encoded(sent_again(name, ts="1999999999")), FORM_TYPE)
    without_a_message = name in (JOIN, JOIN_V2, DELETED, DELETED_V2)
    assert (later.identity != identity(name)) is without_a_message


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (ADD, {"event": "ONIMBOTMESSAGEUPDATE"}),
        (ADD, {"data.PARAMS.MESSAGE": "another text"}),
        (ADD, {"data.PARAMS.MESSAGE_ID": "84352"}),
        (ADD, {"data.PARAMS.CHAT_ENTITY_ID": "DEAL|1664"}),
        (ADD, {"data.PARAMS.UNKNOWN_FIELD": "x"}),
        (ADD_V2, {"data.bot.id": "457"}),
        (COMMAND, {"data.COMMAND.99.COMMAND_PARAMS": "LEAD|13"}),
    ],
)
def test_any_other_change_makes_it_another_event(name: str, changes: Changes) -> None:
    assert identity(name, changes) != identity(name)


def test_an_identity_is_a_hash() -> None:
    assert len({identity(name) for name in NAMES}) == len(NAMES)
    assert all(len(identity(name)) == 64 and int(identity(name), 16) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_credential_gets_past_the_decoder_in_any_field(name: str) -> None:
    repeated = " ".join(("Look:", *TOKENS))
    tree = sample(name)

    def filled(tree: Tree) -> Tree:
        """Every text of the data has the tokens in it, too."""
        return {
            key: filled(value) if isinstance(value, dict) else (value if "token" in key else f"{value} {repeated}")
            for key, value in tree.items()
        }

    for unknown in (False, True):
        decoded = decode(
            encoded(tree | {"data": filled(tree["data"]), "event": "ONIMBOTNEWS" if unknown else tree["event"]})
        ).event
        record = Record("e" * 32, MEMBER_ID, 1771940028.0, "request-1", decoded).to_json()
        tokens = {value for value in _tokens(tree) if len(value) >= 6}
        assert tokens
        assert not [token for token in tokens if token in record]


def _tokens(tree: Tree) -> set[str]:
    found: set[str] = set()
    for key, value in tree.items():
        found |= _tokens(value) if isinstance(value, dict) else {value} if key.endswith("_token") else set()
    return found


def test_a_link_to_the_portal_in_a_message_stays_as_it_is() -> None:
    # `auth` contains the domain and the member id, which are not secret.
    link = f"https://{DOMAIN}/crm/deal/details/1663/?m={MEMBER_ID}&IFRAME=Y im,imbot 1771943628"
    message = event(ADD, {"data.PARAMS.MESSAGE": link}).message
    assert message is not None
    assert message.text == link
