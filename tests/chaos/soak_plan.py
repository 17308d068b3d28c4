"""The look-ups of a soak, the faults meanwhile, and the accepted answers; they depend only on the seed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from chat_lookup.bitrix24.errors import ROWS, ErrorClass, ErrorRow, Where
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals

METHOD: Final = "im.chat.get"
SHARE_OF_TROUBLE: Final = 0.2
"""Share of the calls to a portal that fail."""
_NOT_FAULTS: Final = frozenset({"ADDRESS_REFUSED", "PORTAL_RENAMED"})
"""A refused address is never called; and a renamed portal stays renamed (test_renamed_portals)."""
_USUAL_STATUS: Final[Mapping[str, int]] = {"HTTP_4XX": 400, "HTTP_5XX": 500, "OTHER": 400}
"""The status for rows that hold for any status; 200 for all others."""
_PAGE: Final = "<html><body>Something else answers here</body></html>"
_FORMS: Final[Mapping[str, Mapping[str, object]]] = {
    "TRANSPORT": {"drop": True},
    "TIMEOUT": {"delay_ms": 11_000},
    "NOT_JSON": {"body": _PAGE},
    "PROTOCOL": {"body": {"time": {}}},
    "HTTP_4XX": {"body": {}},
    "HTTP_5XX": {"body": {}},
    "EMPTY": {"error": ""},
    "OTHER": {"error": "UNDOCUMENTED"},
}
"""The faults behind our own names; for all other rows the portal sends the code."""
_LASTING_CODES: Final = frozenset(
    {
        "OVERLOAD_LIMIT", "PORTAL_DELETED", "ACCESS_DENIED", "PAYMENT_REQUIRED", "TIMEOUT", "insufficient_scope",
        "ERROR_METHOD_NOT_FOUND",
    }
)  # fmt: skip
_LASTING_CLASSES: Final = frozenset({ErrorClass.REFRESH, ErrorClass.REAUTHORISE, ErrorClass.LIMIT})


@dataclass(frozen=True, slots=True)
class Trouble:
    """One way in which a call goes wrong.

    `code` is the code that is counted, empty if no call fails; `fault` is the setting for the local portal. A `lasting`
    trouble affects later calls, too.
    """

    code: str
    fault: Mapping[str, object]
    status: int = 0
    lasting: bool = False

    @property
    def sent_code(self) -> str:
        """The code that is sent, or our own name for a trouble without one."""
        return str(self.fault.get("error", self.code))


def _troubles(rows: Sequence[ErrorRow]) -> Iterator[Trouble]:
    for row in rows:
        status = row.statuses[0] if row.statuses else _USUAL_STATUS.get(row.code, 200)
        form = _FORMS.get(row.code, {"error": row.code})
        shown = {"status": status} if form.keys() & {"body", "error"} else {}
        lasting = row.code in _LASTING_CODES or row.error_class in _LASTING_CLASSES
        yield Trouble(row.code, {**form, **shown}, status, lasting)


TROUBLES: Final[tuple[Trouble, ...]] = (
    *_troubles(
        [row for row in ROWS if row.covers(METHOD) and row.where is not Where.REST3 and row.code not in _NOT_FAULTS]
    ),
    Trouble("TRANSPORT", {"truncate": 20}),
    Trouble("NOT_JSON", {"body": '{"result":{"ID":14'}, 200),
    Trouble("NOT_JSON", {"status": 302, "body": "", "headers": {"Location": "https://acme.example/login"}}, 302),
    Trouble("PROTOCOL", {"body": {"result": {"ID": "none of yours"}}}, 200),
    Trouble("", {"delay_ms": 250}),
)
"""Every code of the error table that a look-up can get; truncated, malformed and late answers."""
SERVER_TROUBLES: Final[tuple[Trouble, ...]] = (
    *_troubles([row for row in ROWS if row.where is Where.AUTH_SERVER]),
    Trouble("TRANSPORT", {"drop": True}),
    Trouble("", {"delay_ms": 250}),
)
"""Troubles of the authorisation server. Its answers are not truncated: a pair that is not received is lost for good."""
NOISE: Final[tuple[Trouble, ...]] = tuple(trouble for trouble in TROUBLES if not trouble.lasting)
"""Troubles of any call at any time."""
LASTING: Final[tuple[Trouble, ...]] = tuple(trouble for trouble in TROUBLES if trouble.lasting)
_A_FEW: Final = 2


def faults_of_a_round(struck: Collection[str], drawn: str) -> list[dict[str, object]]:
    """The faults of a local portal for a round with the seed `drawn`: a few troubles that are certain once, and noise.

    Troubles whose codes have not `struck` yet come first.
    """
    random = Random(drawn)  # noqa: S311 - repeatable
    unmet = [each for each in TROUBLES if each.code not in struck]
    certain = random.sample(unmet, _A_FEW) if len(unmet) >= _A_FEW else [*unmet, *random.sample(TROUBLES, _A_FEW)]
    issuing = [each for each in SERVER_TROUBLES if each.code not in struck][:1]
    noise = {"probability": SHARE_OF_TROUBLE / len(NOISE), "seed": drawn}
    soon = {"probability": 0.3, "seed": drawn}
    return [
        *({"method": "*", **each.fault, "times": 1} for each in certain if not each.lasting),
        # A lasting trouble comes a little later, since it affects the calls after it.
        *({"method": "*", **each.fault, "times": 1, **soon} for each in certain if each.lasting),
        # After some errors the request is sent again in another form: two faults are needed.
        *({"method": "oauth/token", **each.fault, "times": 2} for each in issuing),
        *({"method": "*", **each.fault, **noise} for each in NOISE),
    ]


# -- look-ups ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """One request: some deals of a portal, in a batch if there are several. `key` is an API key."""

    portal: int
    deals: tuple[int, ...]
    fresh: bool = False
    key: str = field(default="", repr=False)

    @property
    def is_batch(self) -> bool:
        return len(self.deals) > 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The look-ups of a soak, in rounds; within a round no chat is created.

    `made_in` is the round in which the chat of a deal is created; -1 before all, None never.
    """

    rounds: tuple[tuple[Question, ...], ...]
    deals: int

    @classmethod
    def of(cls, count: int, a_round: int, portals: int, seed: str, batches: float = 0.0) -> "Plan":
        """`count` look-ups; `batches` is the share of batch requests, `a_round` the number of requests in a round."""
        random = Random(f"{seed} questions")  # noqa: S311 - repeatable
        deals, left, questions = max(10, count // 4), count, []
        while left > 0:
            size = 8 if random.random() < batches else 1
            # Some deals are looked up often, most of them seldom.
            numbers = tuple(int(deals * random.random() ** 2) for _ in range(min(size, left)))
            questions.append(Question(random.randrange(portals), numbers, random.random() < _FRESH))
            left -= len(numbers)
        rounds = tuple(tuple(questions[start : start + a_round]) for start in range(0, len(questions), a_round))
        return cls(rounds, deals)

    def made_in(self, deal: int) -> int | None:
        if deal % 25 == 0:
            return None
        return deal % len(self.rounds) if deal % 5 == 0 else -1

    def chat_of(self, portal: int, deal: int, number: int) -> int | None:
        """A portal's chat of a deal in a round; it differs between portals."""
        made_in = self.made_in(deal)
        return None if made_in is None or made_in > number else (portal + 1) * 1_000_000 + deal


_FRESH: Final = 0.1


def entity_id(deal: int) -> str:
    return f"DEAL|{deal}"


# -- what users do -----------------------------------------------------------------------------------------------------


def heal(portals: Portals, portal: Portal) -> None:
    """Between two rounds a user pays, opens or installs the application, gives a webhook's new address, and grants
    missing scopes; `portal` is the first record. The pair of tokens stays valid: the server's errors were simulated.
    """
    record = portals.named(portal.member_id)
    if record.state in (PortalState.UNINSTALLED, PortalState.REAUTHORISE):
        record = portals.save(record._replace(state=PortalState.ACTIVE, state_code="", retry_at=0.0))
    elif record.state in (PortalState.UNPAID, PortalState.RENAMED):
        portals.states.reopen(record)
    if record.scopes != portal.scopes:
        portals.states.change(record, scopes={"SS": sorted(portal.scopes or ())})


# -- accepted answers --------------------------------------------------------------------------------------------------


def is_an_answer(outcome: Mapping[str, Any]) -> bool:
    """Whether the outcome is an answer: a chat, or that the pair has none. A portal's own code for the latter is none:
    it may be one of our troubles."""
    if outcome.get("chat_id") is not None:
        return True
    problem = outcome["problem"]
    return name_of(problem) == "chat-not-found" and "portal_error" not in problem


def is_right(outcome: Mapping[str, Any], chat_id: int | None) -> bool:
    """Whether the answer for a pair is correct; a failure is no answer."""
    return not is_an_answer(outcome) or outcome.get("chat_id") == chat_id


def name_of(problem: Mapping[str, Any]) -> str:
    return str(problem["type"]).rpartition(":")[2]
