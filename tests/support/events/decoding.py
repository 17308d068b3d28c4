"""Decodes a body as the events function does, and checks what holds for every body."""

from chat_lookup.events.decoder import Arrived, decode
from chat_lookup.events.model import Record
from chat_lookup.http.php_forms import FormRefused
from tests.support.portals.first_contact import FORM_TYPE

JSON = "application/json"


def outcome(body: bytes, content_type: str = FORM_TYPE) -> Arrived | FormRefused:
    """The result for a body. Any other exception is a failure, and so is an event that the queue cannot take."""
    came = read(body, content_type)
    if isinstance(came, Arrived):
        assert bool(came.name) or bool(came.fault)
        queued = Record("e", "m", 1.0, "r", came.event).to_json()
        assert Record.from_json(queued).event.name == came.event.name
    else:
        assert (came.__cause__, came.__context__) == (None, None)
    return came


def read(body: bytes, content_type: str) -> Arrived | FormRefused:
    """Decode a body as the service does."""
    try:
        came = decode(body, content_type)
    except FormRefused as error:
        return error
    assert came.event.name == came.name
    assert came.identity
    return came
