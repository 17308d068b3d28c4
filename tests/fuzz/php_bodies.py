"""Bodies of forms, well formed and not, and how PHP itself reads them."""

import base64
import json
import shutil
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from tests.e2e.machine import missing
from tests.support.processes import programs

Tree = dict[str, "str | Tree"]

_TOKENS: Final = (
    "a", "a", "b", "auth", "x" * 5, "5", "-5", "[", "]", "[]", "[]", "[a]", "[b]", "[ ]", "[  ]", "[0]", "[5]", "[-3]",
    "[01]", "[-0]", "[9223372036854775807]", "[9223372036854775808]", "[-9223372036854775808]", "[" + "9" * 20 + "]",
    "=", "=1", "=2", "&", "&a", "&b", "&a[", "%5B", "%5D", "%00", "%20", "+", " ", ".", "_", "__", "%", "%4", "%zz",
    "%41", "й", "%D0%B9", "%09", "%0A", "\t", ";", "%26", "%3D", "%25", "[b]" * 10, "[b]" * 62, "[]" * 30, "__Host-",
    "__Secure-", "&a[b]=1", "&a[]=1", "&b[][a]=1",
)  # fmt: skip
"""No raw NUL: `parse_str` ends the whole body there, and PHP's reading of a request the name only."""
_MOST_TOKENS: Final = 30
_ROOTS: Final = ("a", "b", "a", "auth", "5", "a.b", " a", "й")
_KEYS: Final = tuple(token for token in _TOKENS if token.startswith("[") and token.endswith("]"))
_MOST_FIELDS: Final = 12

_SCRIPT: Final = """
ini_set("display_errors", "0");
ini_set("log_errors", "0");
while (($line = fgets(STDIN)) !== false) {
    $read = [];
    parse_str(base64_decode($line), $read);
    echo json_encode($read, JSON_FORCE_OBJECT | JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE), "\\n";
}
"""


def bodies(rnd: Random, count: int) -> Iterator[str]:
    """Half of them of any tokens, half of names that are well formed."""
    for position in range(count):
        if position % 2:
            yield "".join(rnd.choice(_TOKENS) for _ in range(rnd.randint(1, _MOST_TOKENS)))
        else:
            yield "&".join(_field(rnd) for _ in range(rnd.randint(1, _MOST_FIELDS)))


def _field(rnd: Random) -> str:
    keys = "".join(rnd.choice(_KEYS) for _ in range(rnd.choice((0, 1, 1, 2, 3))))
    return f"{rnd.choice(_ROOTS)}{keys}={rnd.choice(('1', '2', '', 'a+b%2B'))}"


def read_by_php(written: Sequence[str | bytes]) -> list[Tree]:
    """Each body as `parse_str` reads it: one process reads them all."""
    php = shutil.which("php")
    if php is None:
        missing("PHP is not on this machine (php-cli)")
    sent = "".join(
        base64.b64encode(body.encode() if isinstance(body, str) else body).decode() + "\n" for body in written
    )
    run = programs.run([php, "-n", "-r", _SCRIPT], text=sent, timeout=100)
    read = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(read) == len(written), run.stderr
    return read


def in_order(tree: object) -> object:
    """A tree that equals another only where its keys come in the same order, as they do in an array of PHP's."""
    return [(key, in_order(value)) for key, value in tree.items()] if isinstance(tree, dict) else tree
