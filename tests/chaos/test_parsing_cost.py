"""An unproved request costs no more than a small multiple of its bytes until a key or a token is proved."""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from random import Random
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import pytest

from chat_lookup.errors import BodyTooLarge, InstallationRefused, InvalidRequest
from chat_lookup.events import decoder
from chat_lookup.http.php_forms import FormRefused
from chat_lookup.http.requests import request_from
from chat_lookup.install import offers
from chat_lookup.rest import requests
from tests.chaos.parsing_inputs import LARGEST, USUAL, bodies
from tests.support import rest_function

COUNT: Final = int(os.environ.get("PARSING_INPUTS", "500"))
"""The bound is tested with 50,000 bodies; a hundredth by default. Of bodies up to 1 MB, a hundredth of these."""
SEED: Final = int(os.environ.get("PARSING_SEED", "20261129"))

TIMES: Final = 20
BESIDES: Final = 0.002
"""The bound: TIMES the CPU time of `parse_qsl`, plus these seconds."""
TRIES: Final = 15
MOST_TRIES: Final = 150
"""A processor that changes its pace may stay slow for all usual tries; what costs too much does so in these, too."""

FORM: Final = rest_function.FORM
JSON: Final = rest_function.JSON
PARTS: Final = "multipart/form-data; boundary=x"

pytestmark = pytest.mark.timeout(120 + COUNT / 5)

Parser = Callable[[], object]


def key_in_body(body: bytes, content_type: str) -> Parser:
    event = rest_function.event("batch", body=body, content_type=content_type, as_base64=True)
    return lambda: requests.key_of(event)


def key_in_query(body: bytes) -> Parser:
    event = rest_function.event("batch", body.decode("latin-1"), verb="GET")
    return lambda: requests.key_of(event)


def key_in_path(body: bytes) -> Parser:
    event = rest_function.event(body.decode("latin-1"), body=b"a[]=1", content_type=FORM)
    return lambda: requests.key_of(event)


def native_query(body: bytes) -> Parser:
    """The first parser of every route but /rest's."""
    event = rest_function.event("", body.decode("latin-1"), verb="GET")
    return lambda: request_from(event)


def event_of_a_portal(body: bytes, content_type: str) -> Parser:
    return lambda: decoder.decode(body, content_type)


def installation(body: bytes, content_type: str) -> Parser:
    """The first parser of both addresses, the installer's and the page's."""
    event = rest_function.event("", body=body, content_type=content_type, as_base64=True)

    def read() -> object:
        request = request_from(event)
        return offers.arrival(request.query, request.body, request.headers["content-type"])

    return read


def parsers(body: bytes) -> Iterator[tuple[str, Parser]]:
    """All parsers that run before a proof."""
    for content_type in (FORM, JSON, PARTS):
        yield f"/rest, body as {content_type}", key_in_body(body, content_type)
    yield "/rest, query", key_in_query(body)
    yield "/rest, path", key_in_path(body)
    yield "/v1, query", native_query(body)
    for content_type in (FORM, JSON):
        yield f"events, {content_type}", event_of_a_portal(body, content_type)
        yield f"install and page, {content_type}", installation(body, content_type)


def run(parser: Parser) -> None:
    """Run a parser; only these exceptions are refusals, any other would be answered 500."""
    with suppress(BodyTooLarge, InvalidRequest, InstallationRefused, FormRefused):
        parser()


def cpu_of(work: Parser) -> float:
    started = time.process_time()
    run(work)
    return time.process_time() - started


class Cost(NamedTuple):
    """A parser's CPU time as a share of its bound; above half of it, the best of several runs."""

    share: float
    parser: str
    body: bytes

    def __str__(self) -> str:
        return f"{self.share:.2f} of the bound: {self.parser}, {len(self.body)} bytes, {self.body[:120]!r}"


def cost_of(name: str, parser: Parser, body: bytes, reference: Parser) -> Cost:
    cpu = unit = math.inf
    for tried in range(1, MOST_TRIES + 1):
        cpu, unit = min(cpu, cpu_of(parser)), min(unit, cpu_of(reference))
        share = cpu / (TIMES * unit + BESIDES)
        if share < 1 / 2 or (share <= 1 and tried > TRIES):
            break
    return Cost(share, name, body)


def costs(count: int, largest: int, smallest: int) -> Iterator[Cost]:
    for body in bodies(Random(SEED + largest), count, largest, smallest):  # noqa: S311 - not for secrets
        text = body.decode("latin-1")
        for name, parser in parsers(body):
            yield cost_of(name, parser, body, lambda text=text: parse_qsl(text))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("count", "smallest", "largest"),
    [(COUNT, 20, USUAL), (max(5, COUNT // 100), USUAL, LARGEST)],
    ids=["up to 64 KB", "up to 1 MB"],
)
def test_parser_before_proof_costs_at_most_20_times_parse_qsl_plus_2_ms(
    count: int, smallest: int, largest: int
) -> None:
    slowest = sorted(costs(count, largest, smallest), reverse=True)[:10]
    print(f"seed {SEED}, {count} bodies of {smallest} to {largest} bytes; the slowest:", *slowest, sep="\n  ")  # noqa: T201
    assert slowest[0].share <= 1, f"seed {SEED}: {slowest[0]}"


def in_many_parts(head: str) -> bytes:
    """As many parts as are read; `{}` in the head is the part's number."""
    return b"".join(
        f"--x\r\nContent-Disposition: form-data; {head.format(at)}\r\n\r\n\r\n".encode() for at in range(1020)
    )


@pytest.mark.parametrize(
    "body",
    [
        in_many_parts('name="auth"'),
        in_many_parts('x={}; name="auth"'),
        in_many_parts('name="access token"; x={}; filename=y'),
        *(
            run_of * (USUAL // len(run_of))
            for run_of in (b"/", b"1/", b"/1", b" ", b"+", b"%20", b"  auth", b" " * 60 + b"&", b"a[]&")
        ),
    ],
    ids=lambda body: repr(body[:60]),
)
def test_run_of_what_precedes_a_key_or_names_none_costs_no_more(body: bytes) -> None:
    reference = partial(parse_qsl, body.decode("latin-1"))
    slowest = max(cost_of(name, parser, body, reference) for name, parser in parsers(body))
    assert slowest.share <= 1, slowest
