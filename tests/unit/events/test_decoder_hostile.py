"""Every body that arrives at the events' address is a model, without what cannot be read, or a clean refusal."""

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.decoder import LIMITS, Arrived, decode
from chat_lookup.http.php_forms import FormBound, FormRefused
from tests.support.events.decoding import JSON, outcome
from tests.support.events.wire_events import encoded, sample
from tests.support.portals.first_contact import FORM_TYPE

MEGABYTE = LIMITS.size


HOSTILE: tuple[tuple[str, int, dict[str, object]], ...] = (
    # The fields beside `data[y]=kept`, how many of them are dropped, and what else there is in `data`.
    ("data[PARAMS=1", 1, {}),
    ("data]PARAMS[=1", 1, {}),
    ("data[PARAMS]]=1", 1, {}),
    ("data[[PARAMS]]=1", 1, {}),
    ("data[PARAMS]x=1", 1, {}),
    ("data[PARAMS][x]y]=1&data[PARAMS][z]=1", 1, {"PARAMS": {"z": "1"}}),
    ("[data][x]=1&[]=1&]=1", 3, {}),
    ("data%5BPARAMS=1", 1, {}),
    ("data=1&data[x]=1", 0, {"x": "1"}),
    ("data[x][y]=1&data[x]=1", 0, {"x": "1"}),
    ("data[x]=1&data[x][y]=1", 0, {"x": {"y": "1"}}),
    ("data[x][y][z]=1&data[x]=1&data[x][y][z]=2&data[x][y][w]=3", 0, {"x": {"y": {"z": "2", "w": "3"}}}),
    ("data[x][]=1&data[x]=2&data[x][]=3", 0, {"x": {"0": "3"}}),
    ("data" + "[x]" * 24 + "=1", 1, {}),
    ("data[" + "x" * 201 + "]=1", 1, {}),
    ("data[x]=%FF", 0, {"x": "\ufffd"}),
    ("data[x]=a%D0&data[%D0]=a", 0, {"x": "a\ufffd", "\ufffd": "a"}),
    ("data[x]=%ED%A0%BD%ED%B8%80", 0, {"x": "\ufffd" * 6}),
    ("&".join(f"data[%41{each}]=1" for each in range(1001)), 1, {f"A{each}": "1" for each in range(1000)}),
    ("data[9223372036854775807]=a&data[]=b", 1, {"9223372036854775807": "a"}),
    ("data[]=a&data[]=b", 0, {"0": "a", "1": "b"}),
    ("data[-5]=a&data[]=b&data[ ]=c", 0, {"-5": "a", "-4": "b", "-3": "c"}),
    ("data[][]=a&data[][]=b", 0, {"0": {"0": "a"}, "1": {"0": "b"}}),
    ("data[0]=a&data[1]=b&data[2]=c", 0, {"0": "a", "1": "b", "2": "c"}),
    ("data[2]=a&data[]=b&data[0]=c", 0, {"2": "a", "3": "b", "0": "c"}),
    ("data[x]=a&data[x]=b", 0, {"x": "b"}),
    ("data[99999999999999999999]=a&data[]=b", 0, {"99999999999999999999": "a", "0": "b"}),
    ("data[__proto__]=a&data[__class__][x]=b", 0, {"__proto__": "a", "__class__": {"x": "b"}}),
    ("=x&&ts=now", 0, {}),
)  # fmt: skip


@pytest.mark.parametrize(("fields", "dropped", "more"), HOSTILE, ids=[fields[:30] for fields, _, _ in HOSTILE])
def test_hostile_field_of_data_is_dropped_or_read_as_php_would_and_the_others_are_used(
    fields: str, dropped: int, more: dict[str, object]
) -> None:
    came = outcome(f"event=ONX&{fields}&data[y]=kept&auth[member_id]=m".encode())
    assert isinstance(came, Arrived)
    assert (came.fault, came.member_id, came.event.kind) == ("", "m", EventKind.OTHER)
    assert (came.event.data, came.dropped) == ({**more, "y": "kept"}, dropped)


@pytest.mark.parametrize(
    ("fields", "dropped", "read"),
    [
        ([f"data[z][{each}]=1" for each in range(5000)], 1, {"z": {str(each): "1" for each in range(5000)}}),
        ([f"data[z][{each}][]=1" for each in range(800)], 3, {"z": {str(each): {"0": "1"} for each in range(798)}}),
        (["data[a]b]=1"] * 101, 102, {}),
    ],
    ids=["fields", "maps", "faults"],
)
def test_fields_beyond_what_is_read_of_data_are_dropped_and_the_proof_after_them_is_read(
    fields: list[str], dropped: int, read: dict[str, object]
) -> None:
    came = outcome(f"event=ONX&{'&'.join(fields)}&data[y]=1&auth[member_id]=m".encode())
    assert isinstance(came, Arrived)
    assert (came.fault, came.member_id) == ("", "m")
    assert (came.event.data, came.dropped) == (read, dropped)


DAMAGED: tuple[tuple[str, FormBound], ...] = (
    ("auth[sc[ope]=1", FormBound.NAME),
    ("auth[scope]x=1", FormBound.NAME),
    ("event[]x=1", FormBound.NAME),
    ("auth=1", FormBound.CONFLICT),
    ("event[x]=1", FormBound.CONFLICT),
    ("auth[" + "x" * 201 + "]=1", FormBound.KEY_LENGTH),
    ("auth" + "[x]" * 24 + "=1", FormBound.DEPTH),
    ("auth[scope]=%FF", FormBound.ENCODING),
    ("auth[%D0]=1", FormBound.ENCODING),
    ("auth[9223372036854775807]=a&auth[]=b", FormBound.INDEX),
    ("&".join(f"auth[{each}]=1" for each in range(5000)), FormBound.FIELDS),
    # To PHP these are the same variables.
    (" auth[scope]=1", FormBound.NAME),
    ("+%20auth[scope]=1", FormBound.NAME),
    ("auth%00x[scope]=1", FormBound.NAME),
    ("+%65v%65nt%00=ONY", FormBound.NAME),
)


A_MAP_FOR_THE_NAME: frozenset[str] = frozenset({"event[]x=1", "event[x]=1"})
"""To PHP the last value counts, and here that is a map."""


@pytest.mark.parametrize(("fields", "bound"), DAMAGED, ids=[fields[:30] for fields, _ in DAMAGED])
def test_fault_in_what_proves_an_event_is_its_fault_and_leaves_the_token_readable(
    fields: str, bound: FormBound
) -> None:
    proof = "auth[member_id]=m&auth[application_token]=t0ken"
    came = outcome(f"event=ONX&data[x]=1&{proof}&{fields}".encode())
    name = "" if fields in A_MAP_FOR_THE_NAME else "ONX"
    assert isinstance(came, Arrived)
    assert (came.fault, came.name, came.member_id, came.application_token) == (bound, name, "m", "t0ken")


@pytest.mark.parametrize("name", ["auth[application_token]x", "auth[application_token][", "+auth[application_token]"])
def test_token_that_only_php_reads_can_be_found_out_from_a_damaged_event(name: str) -> None:
    came = outcome(f"event=ONX&auth[member_id]=m&{name}=t0ken".encode())
    assert isinstance(came, Arrived)
    assert (came.fault, came.member_id, came.application_token) == (FormBound.NAME, "m", "t0ken")


@pytest.mark.parametrize("field", ["CHAT_ENTITY_ID", "CHAT_ENTITY_TYPE"])
def test_entity_in_which_a_byte_is_no_text_is_no_entity(field: str) -> None:
    whole = encoded(sample("v1-message-add-group", {f"data.PARAMS.{field}": "DEAL_1663"}))
    for body, known in ((whole, True), (whole.replace(b"DEAL_1663", b"DEAL%FF1663"), False)):
        came = outcome(body)
        assert isinstance(came, Arrived)
        assert came.event.chat is not None
        assert (came.fault, came.event.chat.chat_id, bool(came.event.chat.entity_id)) == ("", 1439, known)


@pytest.mark.parametrize(
    "fields", ["%61uth[member_id]=m", "a%75th%5bmember_id%5d=m", "auth[member_id]=x&auth[%6dember_id]=m"]
)
def test_other_spelling_of_what_proves_an_event_is_read_as_php_does(fields: str) -> None:
    came = outcome(f"event=ONX&{fields}".encode())
    assert isinstance(came, Arrived)
    assert (came.fault, came.member_id) == ("", "m")


@pytest.mark.parametrize("name", ["auth%20", "auth.", "Auth", "auths", "authx", "xauth", "aut", "auth%3D"])
def test_other_variable_is_no_proof_and_no_fault(name: str) -> None:
    came = outcome(f"event=ONX&{name}[member_id]=m".encode())
    assert isinstance(came, Arrived)
    assert (came.fault, came.member_id, came.dropped) == ("", "", 0)


@pytest.mark.parametrize("name", ["auth[member_id", "auth%5bmember_id", "auth[", "event[", "auth[x%00]", "auth]x["])
def test_bracket_that_is_not_closed_makes_another_variable_which_is_dropped(name: str) -> None:
    came = outcome(f"event=ONX&auth[member_id]=m&{name}=x".encode())
    assert isinstance(came, Arrived)
    assert (came.fault, came.name, came.member_id, came.dropped) == ("", "ONX", "m", 1)


@pytest.mark.parametrize(
    ("data", "dropped", "read"),
    [
        (rb'{"x":"a\ud83d","y":1}', 0, {"x": "a\ufffd", "y": "1"}),
        (b'{"x":"a\xff","y":1}', 0, {"x": "a\ufffd", "y": "1"}),
        (b'{"x":"\xed\xa0\xbd","y":1}', 0, {"x": "\ufffd" * 3, "y": "1"}),
        (b'{"%s":1,"y":1}' % (b"x" * 201), 1, {"y": "1"}),
        (b'{"x":%s1%s,"y":1}' % (b"[" * 24, b"]" * 24), 1, {"y": "1"}),
        (b'{"x":{"":1,"0":2},"y":1}', 0, {"x": {"0": "2"}, "y": "1"}),
        (b'{"x":{"":1,"0":{"z":2}},"y":1}', 0, {"x": {"0": {"z": "2"}}, "y": "1"}),
    ],
)
def test_field_of_json_is_dropped_or_repaired_too(data: bytes, dropped: int, read: dict[str, object]) -> None:
    came = outcome(b'{"auth":{"member_id":"m"},"data":%s,"event":"ONX"}' % data, JSON)
    assert isinstance(came, Arrived)
    assert (came.fault, came.member_id, came.dropped) == ("", "m", dropped)
    assert came.event.data == {name: value for name, value in read.items() if value}


@pytest.mark.parametrize("auth", [b'"scope":"\xff"', rb'"scope":"\udc00"', b'"%s":1' % (b"x" * 201)])
def test_fault_in_what_proves_an_event_is_its_fault_in_json_too(auth: bytes) -> None:
    came = outcome(b'{"auth":{"application_token":"t0ken",%s},"event":"ONX"}' % auth, JSON)
    assert isinstance(came, Arrived)
    assert (came.fault != "", came.application_token) == (True, "t0ken")


def test_attachments_and_mentions_of_messages_stay_within_the_bounds() -> None:
    attached = {"ATTACH": [{"BLOCKS": [{"GRID": [{"NAME": "a", "VALUE": {"x": {"y": {"z": "b"}}}}]}]}]}
    everybody = {str(each): str(each) for each in range(3000)}
    attaching = decode(encoded(sample("v2-message-add", {"data.message.params": attached})), FORM_TYPE)
    assert attaching.event == decode(encoded(sample("v2-message-add")), FORM_TYPE).event
    mentioned = decode(encoded(sample("v1-message-add-group", {"data.PARAMS.MENTIONED_LIST": everybody})), FORM_TYPE)
    assert mentioned.event == decode(encoded(sample("v1-message-add-group")), FORM_TYPE).event


@pytest.mark.parametrize("content_type", [FORM_TYPE, JSON])
def test_body_above_a_megabyte_is_refused_by_its_size(content_type: str) -> None:
    came = outcome(b"{" * (MEGABYTE + 1), content_type)
    assert isinstance(came, FormRefused)
    assert came.bound is FormBound.SIZE


def test_event_with_more_credentials_than_any_has_goes_on_without_its_data() -> None:
    for credentials, dropped in ((100, 0), (101, 1)):
        fields = "&".join(f"data[{each}][token]=s3cret-{each}" for each in range(credentials))
        came = outcome(f"event=ONX&{fields}&data[x]=s3cret-7&auth[member_id]=m".encode())
        assert isinstance(came, Arrived)
        assert (came.fault, came.member_id, came.dropped) == ("", "m", dropped)
        assert came.event.data.get("x") == (None if dropped else "***")
