"""Single requests of the corpus: one method with parameters, in every encoding that clients use."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Final
from urllib.parse import quote, quote_plus

from tests.rest_corpus import vocabulary
from tests.rest_corpus.wire import WireRequest

Params = Mapping[str, object]
Encode = Callable[[Random, str, Params], WireRequest]

FORM: Final = "application/x-www-form-urlencoded"
_BOUNDARY: Final = "----------------------------7c3f2a"


def look_up(rng: Random) -> tuple[str, Params]:
    """Return a look-up: of a pair with a chat, of one without, of invalid values, or of half a pair."""
    entity_type, entity_id = rng.choice(vocabulary.KNOWN) if rng.random() < 0.6 else rng.choice(vocabulary.UNKNOWN)
    pair: dict[str, object] = {"ENTITY_TYPE": entity_type, "ENTITY_ID": entity_id}
    if rng.random() < 0.35:
        pair[rng.choice(list(pair))] = rng.choice(vocabulary.ODD)
    if rng.random() < 0.06:
        pair.pop(rng.choice(list(pair)))
    if rng.random() < 0.04:
        pair.clear()
    if rng.random() < 0.15:
        pair |= rng.choice(({"BOT_ID": 39}, {"BOT_ID": "x"}, {"CLIENT_ID": "c"}, {"id": 5}, {"bx24_request_id": "7"}))
    return rng.choice(vocabulary.LOOK_UPS), _shuffled(
        rng, {vocabulary.cased(rng, name): value for name, value in pair.items()}
    )


def dialog(rng: Random) -> tuple[str, Params]:
    """Return a request for the details of a chat; the webhook's user may not be a member."""
    dialog_id = rng.choice(vocabulary.OPEN_DIALOGS) if rng.random() < 0.5 else rng.choice(vocabulary.ODD_DIALOGS)
    params = {vocabulary.cased(rng, "DIALOG_ID"): dialog_id} if rng.random() < 0.97 else {}
    return rng.choice(vocabulary.DIALOGS), params


def about_the_portal(rng: Random) -> tuple[str, Params]:
    """Return a request that clients send before their first look-up."""
    method = rng.choice(("profile", "scope", "scope", "app.info", "method.get", "method.get", "method.get"))
    if method == "method.get":
        return method, {"name": rng.choice(vocabulary.NAMES_FOR_METHOD_GET)}
    if method == "scope" and rng.random() < 0.5:
        return method, {vocabulary.cased(rng, "full"): rng.choice((1, "1", "0", True, False, "Y", "", None, []))}
    return method, {}


def unknown_method(rng: Random) -> tuple[str, Params]:
    """Return a method that no portal has."""
    return rng.choice(vocabulary.UNKNOWN_METHODS), look_up(rng)[1]


def encoded(rng: Random, method: str, params: Params) -> WireRequest:
    """Return the request in one of the encodings of clients."""
    return rng.choice(ENCODINGS)(rng, in_address(rng, method), params)


def in_address(rng: Random, method: str) -> str:
    """Return a method as in the address: any case, with or without a suffix or a final slash."""
    spelled = vocabulary.cased(rng, method)
    suffix = rng.choice(("", "", ".json", ".json", ".JSON", "/", ".json/"))
    return (spelled.replace(".", "%2E") if rng.random() < 0.03 else spelled) + suffix


def pairs(params: Params) -> Iterator[tuple[str, str]]:
    """Yield the parameters as in a form: arrays in brackets, and no null."""
    for name, value in params.items():
        yield from _flat(name, value)


def query(params: Params, blank: Callable[[str], str] = quote_plus) -> str:
    return "&".join(f"{blank(name)}={blank(value)}" for name, value in pairs(params))


def as_json(params: Params, *, ascii_only: bool = True) -> bytes:
    return json.dumps(params, ensure_ascii=ascii_only).encode()


def multipart(method: str, params: Params, user: int | None = 1) -> WireRequest:
    """Return a multipart form, as `curl -F` and PHP's cURL with an array send it."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="'
    parts = [f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in pairs(params)]
    body = ("".join(parts) + f"--{_BOUNDARY}--\r\n").encode()
    return WireRequest(method, "POST", "", body, f"multipart/form-data; boundary={_BOUNDARY}", user)


def _get(rng: Random, method: str, params: Params) -> WireRequest:
    blank = rng.choice((quote_plus, quote, _brackets_kept))
    return WireRequest(method, "GET", query(params, blank), user=_user(rng))


def _post_with_query(rng: Random, method: str, params: Params) -> WireRequest:
    return WireRequest(method, "POST", query(params), user=_user(rng))


def _post_json(rng: Random, method: str, params: Params) -> WireRequest:
    body = as_json(params, ascii_only=rng.random() < 0.5)
    kind = rng.choice(("application/json", "application/json", "application/json; charset=utf-8", "Application/JSON"))
    return WireRequest(method, "POST", _tail(rng), body, kind, _user(rng))


def _post_form(rng: Random, method: str, params: Params) -> WireRequest:
    kind = rng.choice((FORM, FORM, FORM, f"{FORM}; charset=UTF-8", None))
    return WireRequest(
        method, "POST", _tail(rng), query(params, rng.choice((quote_plus, quote))).encode(), kind, _user(rng)
    )


def _post_multipart(rng: Random, method: str, params: Params) -> WireRequest:
    return multipart(method, params, _user(rng))


def _query_and_json(rng: Random, method: str, params: Params) -> WireRequest:
    """Return the first parameter in the query, the others in the body."""
    first = dict(list(params.items())[:1])
    rest = dict(list(params.items())[1:])
    return WireRequest(method, "POST", query(first), as_json(rest), "application/json", _user(rng))


def _body_before_query(rng: Random, method: str, params: Params) -> WireRequest:
    """Return a query with other values; the values of the body take precedence."""
    wrong = dict.fromkeys(params, "something else")
    return WireRequest(method, "POST", query(wrong), query(params).encode(), FORM, _user(rng))


ENCODINGS: Final[tuple[Encode, ...]] = (
    _get,
    _get,
    _post_with_query,
    _post_json,
    _post_json,
    _post_json,
    _post_form,
    _post_form,
    _post_multipart,
    _query_and_json,
    _body_before_query,
)

BODIES: Final[tuple[tuple[str, bytes, str | None], ...]] = (
    # (query, body, content type): requests that no library sends, and mistakes of users.
    ("", b"", "application/json"),
    ("", b"null", "application/json"),
    ("", b"[]", "application/json"),
    ("", b"{}", "application/json"),
    ("", b'"CRM"', "application/json"),
    ("", b"13", "application/json"),
    ("", b'["CRM","DEAL|1663"]', "application/json"),
    ("", b'{"ENTITY_TYPE":"CRM","ENTITY_ID":"DEAL|1663"', "application/json"),
    ("", b"{'ENTITY_TYPE':'CRM','ENTITY_ID':'DEAL|1663'}", "application/json"),
    ("", b'{"ENTITY_TYPE":"CRM","ENTITY_ID":"DEAL|1663"}', FORM),
    ("", b'{"ENTITY_TYPE":"CRM","ENTITY_ID":"DEAL|1663"}', "text/plain"),
    ("", b'{"ENTITY_TYPE":"CRM","ENTITY_ID":"DEAL|1663"}', None),
    ("", b'{"ENTITY_TYPE":"CHAT","ENTITY_TYPE":"CRM","ENTITY_ID":"DEAL|1663"}', "application/json"),
    ("", b'{"entity_id":"DEAL|404","ENTITY_TYPE":"CRM","ENTITY_ID":"DEAL|1663"}', "application/json"),
    ("", b"ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C404&Entity_Id=DEAL%7C1663", FORM),
    ("", b'{"ENTITY_TYPE":"CRM","ENTITY_ID":"\\ud800"}', "application/json"),
    ("", b'{"ENTITY_TYPE":"CRM","ENTITY_ID":"\\u0044EAL|1663"}', "application/json"),
    ("", b'  {"ENTITY_TYPE":"CRM","ENTITY_ID":"DEAL|1663"}\n', "application/json"),
    ("", b"ENTITY_TYPE=CRM&ENTITY_ID=DEAL|1663", "application/json"),
    ("", b"ENTITY_TYPE=CRM&ENTITY_ID=DEAL|1663", FORM),
    ("", b"ENTITY_TYPE=CHAT&ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7c1663", FORM),
    ("", b"&&ENTITY_TYPE=CRM&&ENTITY_ID=DEAL%7C1663&", FORM),
    ("", b"ENTITY_TYPE&ENTITY_ID=DEAL%7C1663", FORM),
    ("", b"ENTITY.TYPE=CRM&ENTITY ID=DEAL%7C1663", FORM),
    ("", b"+ENTITY_TYPE=CRM&%20ENTITY_ID=DEAL%7C1663", FORM),
    ("", b"ENTITY_TYPE[]=CRM&ENTITY_ID[0]=DEAL%7C1663", FORM),
    ("", b"ENTITY_TYPE[x=CRM&ENTITY_ID=DEAL%7C1663", FORM),
    ("", b"ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663&ENTITY_ID[]=1", FORM),
    ("", b"ENTITY_TYPE=CRM;ENTITY_ID=DEAL%7C1663", FORM),
    ("", b"ENTITY_TYPE=CRM&ENTITY_ID=%FF%FE", FORM),
    ("", b"ENTITY_TYPE=CRM&ENTITY_ID=%zz%7", FORM),
    ("", b"ENTITY_TYPE=ORDER&ENTITY_ID=a%257Cb", FORM),
    ("", b"ENTITY_TYPE=CHAT&ENTITY_ID=1=3", FORM),
    ("ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", b"", None),
    ("ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", b"{}", "application/json"),
    ("ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", b"no json", "application/json"),
    ("ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", b'{"ENTITY_ID":null}', "application/json"),
    ("ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", b"ENTITY_ID=", FORM),
    ("ENTITY_TYPE=LINES&ENTITY_ID=telegrambot%7C2%7C209607941%7C744", b"", None),
)


def odd_body(rng: Random) -> WireRequest:
    sent, body, kind = rng.choice(BODIES)
    return WireRequest(rng.choice(vocabulary.LOOK_UPS), "POST", sent, body, kind, _user(rng))


def _user(rng: Random) -> int | None:
    return rng.choice((1, 1, 7, 999_999, None))


def _tail(rng: Random) -> str:
    """Return what SDKs add to the address for the statistics of their vendor."""
    return "bx24_request_id=0199-7c3f&bx24_sdk_ver=2.2.0" if rng.random() < 0.2 else ""


def _brackets_kept(text: str) -> str:
    return quote(text, safe="[]|:,")


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, (Mapping, list)):
        items: Iterable[tuple[object, object]] = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _flat(f"{name}[{key}]", item)
    elif value is not None:
        yield name, str(int(value)) if isinstance(value, bool) else str(value)


def _shuffled(rng: Random, params: Params) -> Params:
    items = list(params.items())
    rng.shuffle(items)
    return dict(items)
