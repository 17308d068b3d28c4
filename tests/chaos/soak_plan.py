"""What is asked in a soak, what goes wrong meanwhile, and what may be answered; the same for the same seed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from chat_lookup.bitrix24.errors import ROWS, ErrorClass, ErrorRow, Where
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals

METHOD: Final = "im.chat.get"
SHARE_OF_TROUBLE: Final = 0.2
"""Of the calls to a portal, so many go wrong."""
_NOT_FAULTS: Final = frozenset({"ADDRESS_REFUSED", "PORTAL_RENAMED"})
"""What we refuse to call answers nothing; and who moves, moves for good (test_renamed_portals)."""
_USUAL_STATUS: Final[Mapping[str, int]] = {"HTTP_4XX": 400, "HTTP_5XX": 500, "OTHER": 400}
"""Of rows that hold for any status; else it is 200."""
_PAGE: Final = "<html><body>Something else answers here</body></html>"
_FORMS: Final[Mapping[str, Mapping[str, object]]] = {
    "TRANSPORT": {"drop": True},
    "TIMEOUT": {"delay_ms": 11_000},
    "NOT_JSON": {"body": _PAGE},
    "PROTOCOL": {"body": {"time": {}}},
    "HTTP_4XX": {"body": {}},
    "HTTP_5XX": {"body": {}},
    "EMPTY": {"error": ""},
    "OTHER": {"error": "NEVER_HEARD_OF"},
}
"""What is sent where our own name stands for it; of all others the code is."""
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

    `code` is how it is counted, empty for what fails nothing; `fault` is what the local portal is told. What is
    `lasting` changes how the next calls fare, too.
    """

    code: str
    fault: Mapping[str, object]
    status: int = 0
    lasting: bool = False

    @property
    def said(self) -> str:
        """The code that is sent, or our own name for what has none."""
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
"""Every code of the error table that a look-up can meet, answers that are cut, garbled and late."""
SERVER_TROUBLES: Final[tuple[Trouble, ...]] = (
    *_troubles([row for row in ROWS if row.where is Where.AUTH_SERVER]),
    Trouble("TRANSPORT", {"drop": True}),
    Trouble("", {"delay_ms": 250}),
)
"""The same of the authorisation server. Its answers are not cut: a pair of tokens that nobody got is lost for good."""
NOISE: Final[tuple[Trouble, ...]] = tuple(trouble for trouble in TROUBLES if not trouble.lasting)
"""What may happen to any call at any time."""
LASTING: Final[tuple[Trouble, ...]] = tuple(trouble for trouble in TROUBLES if trouble.lasting)
_A_FEW: Final = 2


def faults_of_a_round(struck: Collection[str], drawn: str) -> list[dict[str, object]]:
    """What a local portal is told for a round, `drawn` being its seed: a few troubles once for certain, and noise.

    Those come first whose codes have not `struck` yet.
    """
    random = Random(drawn)  # noqa: S311 - repeatable
    unmet = [each for each in TROUBLES if each.code not in struck]
    certain = random.sample(unmet, _A_FEW) if len(unmet) >= _A_FEW else [*unmet, *random.sample(TROUBLES, _A_FEW)]
    issuing = [each for each in SERVER_TROUBLES if each.code not in struck][:1]
    noise = {"probability": SHARE_OF_TROUBLE / len(NOISE), "seed": drawn}
    soon = {"probability": 0.3, "seed": drawn}
    return [
        *({"method": "*", **each.fault, "times": 1} for each in certain if not each.lasting),
        # What is lasting comes a little later: what follows hangs on it.
        *({"method": "*", **each.fault, "times": 1, **soon} for each in certain if each.lasting),
        # Some errors are taken for a word on how the request was sent, which is sent in another way then.
        *({"method": "oauth/token", **each.fault, "times": 2} for each in issuing),
        *({"method": "*", **each.fault, **noise} for each in NOISE),
    ]


# -- what is asked -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """One request: some deals of a portal, in a batch if there are several. `key` opens the API."""

    portal: int
    deals: tuple[int, ...]
    fresh: bool = False
    key: str = field(default="", repr=False)

    @property
    def is_batch(self) -> bool:
        return len(self.deals) > 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The look-ups of a soak, in rounds; within a round no chat is made.

    `made_in` tells in which round the chat of a deal is made; -1 before all, None never.
    """

    rounds: tuple[tuple[Question, ...], ...]
    deals: int

    @classmethod
    def of(cls, count: int, a_round: int, portals: int, seed: str, batches: float = 0.0) -> "Plan":
        """`count` look-ups, of whose requests a share are `batches`; `a_round` is how many requests a round has."""
        random = Random(f"{seed} questions")  # noqa: S311 - repeatable
        deals, left, questions = max(10, count // 4), count, []
        while left > 0:
            size = 8 if random.random() < batches else 1
            # Some deals are asked for often, most of them seldom.
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
        """What a portal says of a deal in a round: of no deal two portals say the same."""
        made_in = self.made_in(deal)
        return None if made_in is None or made_in > number else (portal + 1) * 1_000_000 + deal


_FRESH: Final = 0.1


def entity_id(deal: int) -> str:
    return f"DEAL|{deal}"


# -- what people do ----------------------------------------------------------------------------------------------------


def heal(portals: Portals, portal: Portal) -> None:
    """Between two rounds somebody pays, opens or installs the application, tells a webhook's new address, and grants
    what is missing; `portal` is the record that it began with. The pair of tokens is good: the server only said else.
    """
    record = portals.named(portal.member_id)
    if record.state in (PortalState.UNINSTALLED, PortalState.REAUTHORISE):
        record = portals.save(replace(record, state=PortalState.ACTIVE, state_code="", retry_at=0.0))
    elif record.state in (PortalState.UNPAID, PortalState.RENAMED):
        portals.states.reopen(record)
    if record.scopes != portal.scopes:
        portals.states.change(record, scopes={"SS": sorted(portal.scopes or ())})


# -- what may be answered ----------------------------------------------------------------------------------------------


def is_an_answer(outcome: Mapping[str, Any]) -> bool:
    """Whether something is told of a pair: a chat, or that there is none. A portal's own code for that tells nothing:
    it may be one of our troubles."""
    if outcome.get("chat_id") is not None:
        return True
    problem = outcome["problem"]
    return name_of(problem) == "chat-not-found" and "portal_error" not in problem


def is_right(outcome: Mapping[str, Any], chat_id: int | None) -> bool:
    """Whether what is told of a pair is true; a failure tells nothing."""
    return not is_an_answer(outcome) or outcome.get("chat_id") == chat_id


def name_of(problem: Mapping[str, Any]) -> str:
    return str(problem["type"]).rpartition(":")[2]
