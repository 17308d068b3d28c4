"""The error codes of the last 24 hours, by portal: from the log of a local run, or from the stack's log groups."""

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

A_DAY: Final = 24 * 3600
GROUPS: Final = ("lookup", "rest", "direct", "install", "page", "events", "worker", "keepalive", "admin")
QUERY: Final = (
    "filter ispresent(portal_error) or rejection_reason in ['wrong_token', 'missing_token']"
    " | stats count(*) as times, latest(@timestamp) as last by portal_error, rejection_reason, portal, claimed_portal"
    " | sort times desc | limit 50"
)
_LEFT_OUT: Final = frozenset({"object", "caller", "not_found"})
"""Classes of errors that are about one question of a caller."""
_REASONS: Final = frozenset({"wrong_token", "missing_token"})
_WAITS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
_NAMES: Final = ('"portal_error"', '"rejection_reason"')
_MOST_LINES: Final = 200_000
"""Lines with a code that are read of a log: the newest."""


class Seen(NamedTuple):
    """One code of a portal: how often, and when last."""

    portal: str
    code: str
    times: int
    last_at: str


class UnfinishedError(Exception):
    """The query did not end in time."""


def of_run(log: Path, now: float) -> list[Seen]:
    """The codes in the log of a local run. Raises OSError."""
    with log.open(encoding="utf-8", errors="replace") as file:
        return _counted(_recent(file, now - A_DAY))


def _recent(lines: Iterable[str], since: float) -> Iterator[Mapping[str, Any]]:
    for line in deque((each for each in lines if any(name in each for name in _NAMES)), maxlen=_MOST_LINES):
        try:
            fields = json.loads(line)
            at = datetime.fromisoformat(fields["timestamp"]).timestamp()
        except (ValueError, KeyError, TypeError):
            continue
        if at >= since:
            yield fields


def _counted(lines: Iterable[Mapping[str, Any]]) -> list[Seen]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in lines:
        code = line.get("portal_error") or line.get("rejection_reason")
        counts = line.get("portal_error_class") not in _LEFT_OUT if "portal_error" in line else code in _REASONS
        if code and counts:
            portal = str(line.get("portal") or line.get("claimed_portal") or "")
            found[portal, str(code)].append(str(line["timestamp"]))
    seen = [Seen(portal, code, len(times), max(times)) for (portal, code), times in found.items()]
    return sorted(seen, key=lambda each: (-each.times, each))


def of_stack(logs: Any, stack: str, now: float, sleep: Callable[[float], None]) -> list[Seen]:
    """The codes in the stack's log groups. Raises botocore's exceptions, and UnfinishedError."""
    started = logs.start_query(
        logGroupNames=[f"/aws/lambda/{stack}/{group}" for group in GROUPS],
        startTime=int(now) - A_DAY,
        endTime=int(now),
        queryString=QUERY,
    )
    for wait in _WAITS:
        sleep(wait)
        answer = logs.get_query_results(queryId=started["queryId"])
        if answer["status"] == "Complete":
            return list(_rows(answer["results"]))
        if answer["status"] not in ("Scheduled", "Running"):
            break
    raise UnfinishedError(answer["status"])


def _rows(results: Sequence[Sequence[Mapping[str, str]]]) -> Iterator[Seen]:
    for result in results:
        row = {each["field"]: each.get("value", "") for each in result}
        code = row.get("portal_error") or row.get("rejection_reason", "")
        yield Seen(row.get("portal") or row.get("claimed_portal", ""), code, int(float(row["times"])), row["last"])
