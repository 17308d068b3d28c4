"""Both parsers of forms compared with PHP's own on the same bodies: where they differ, and why."""

import os
import re
from collections import Counter
from random import Random
from typing import Final
from urllib.parse import unquote_plus

import pytest

from chat_lookup.http import php_arrays, php_forms
from chat_lookup.http.php_forms import FormBound, FormRefused, Limits
from tests.fuzz.php_bodies import Tree, bodies, in_order, read_by_php

COUNT: Final = int(os.environ.get("PHP_BODIES", "20000"))
SEED: Final = int(os.environ.get("PHP_SEED", "20261129"))
DEEP: Final = Limits(depth=65)
"""As deep as PHP reads."""

DIFFERENCES: Final = {
    "a name holds what PHP puts an underscore for": (
        "`a.b` and `a b` are `a_b` to PHP. Portals send names of arrays, which contain neither; the name is kept."
    ),
    "a name begins with a blank": "PHP omits it. No portal sends one.",
    "a name holds a NUL": "PHP ends the name there. No portal sends one, and no code here reads such a name.",
    "a name begins as those of guarded cookies": "PHP ignores `a[__Host-b]`. Here it is a key like others.",
}
"""By class: why `php_forms` reads a body in another way than PHP does. `php_arrays` has none."""

REFUSED: Final = {
    FormBound.NAME: "Brackets that do not match: PHP derives some name; a wrong guess must not precede a proof.",
    FormBound.CONFLICT: "PHP takes the last one; a proof in which a name is a value and a map is no portal's.",
    FormBound.INDEX: "PHP omits what follows the largest integer; a form that has to be proved is never read in part.",
    FormBound.ENCODING: "PHP keeps bytes of no encoding. Only text is read here.",
    FormBound.DEPTH: "PHP omits the whole variable.",
}
"""By bound: why `php_forms` refuses a body that PHP reads."""


@pytest.fixture(scope="module")
def read() -> list[tuple[str, Tree]]:
    print(f"seed {SEED}, {COUNT} bodies")  # noqa: T201 - to have the same ones again
    written = list(bodies(Random(SEED), COUNT))  # noqa: S311 - not for secrets
    return list(zip(written, read_by_php(written), strict=True))


def names(body: str) -> list[str]:
    return [unquote_plus(part.partition("=")[0]) for part in body.split("&") if part.partition("=")[0]]


def differences(body: str) -> set[str]:
    """The classes to which a body belongs."""
    classes = {
        "a name holds what PHP puts an underscore for": any(re.match(r"[^\[]*[ .]", name) for name in names(body)),
        "a name begins with a blank": any(name.startswith(" ") for name in names(body)),
        "a name holds a NUL": any("\0" in name for name in names(body)),
        "a name begins as those of guarded cookies": "__Host-" in body or "__Secure-" in body,
    }
    assert classes.keys() == DIFFERENCES.keys()
    return {each for each, holds in classes.items() if holds}


def test_bodies_of_clients_are_read_as_php_reads_them(read: list[tuple[str, Tree]]) -> None:
    differ = [body for body, tree in read if in_order(php_arrays.decode_query(body)) != in_order(tree)]
    assert differ == [], f"seed {SEED}"


def test_bodies_of_portals_are_read_as_php_reads_them_or_refused_or_differ_for_a_reason(
    read: list[tuple[str, Tree]],
) -> None:
    found: Counter[str] = Counter()
    for body, tree in read:
        try:
            form = php_forms.decode(body.encode(), limits=DEEP)
        except FormRefused as error:
            found[error.bound] += 1
            continue
        if in_order(form) == in_order(tree):
            found["the same"] += 1
            continue
        assert differences(body), f"seed {SEED}: {body!r} is {form}, and {tree} to PHP"
        found.update(differences(body))
    print(dict(found))  # noqa: T201 - the figures of the run
    assert found.keys() == {"the same", *DIFFERENCES, *REFUSED}, "each class is met, and no bound without a reason"


def test_events_are_read_as_php_reads_them_besides_the_fields_that_are_dropped(read: list[tuple[str, Tree]]) -> None:
    found: Counter[str] = Counter()
    for body, tree in read:
        event = php_forms.decode_in_part(body.encode(), whole=frozenset({"auth"}), limits=DEEP)
        if event.refused or event.dropped:
            found["refused" if event.refused else "dropped"] += 1
            continue
        same = {name: in_order(each) for name, each in event.form.items()} == {
            name: in_order(each) for name, each in tree.items()
        }
        # A name that is both a value and a map is read, and its last field counts, as in PHP.
        assert same or differences(body), f"seed {SEED}: {body!r} is {event.form}, and {tree} to PHP"
        found["the same" if same else "different"] += 1
    print(dict(found))  # noqa: T201 - the figures of the run
    assert found["the same"] > COUNT / 10


def test_proof_of_an_event_is_never_read_in_another_way_than_php_reads_it(read: list[tuple[str, Tree]]) -> None:
    for body, tree in read:
        event = php_forms.decode_in_part(body.encode(), whole=frozenset({"auth"}), limits=DEEP)
        if not event.refused:
            assert in_order(event.form.get("auth", "")) == in_order(tree.get("auth", "")), f"seed {SEED}: {body!r}"
