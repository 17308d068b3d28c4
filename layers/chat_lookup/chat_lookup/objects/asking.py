"""Asks a portal for lists of chats: all questions about an object in one request, those about many in batches."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.calls.requests import OnSlot
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import ChatLookupError
from chat_lookup.lookup.batch_runner import Rounds
from chat_lookup.lookup.find_many import FEW
from chat_lookup.lookup.plan import Rights
from chat_lookup.objects.model import Reading
from chat_lookup.objects.plan import ListInquiries, ListReply, reading_of
from chat_lookup.objects.portal_objects import PortalObject


class ListAsking:
    """Reads lists of one portal at a time."""

    def __init__(self, calls: PortalCalls, allowance: Allowance, inquiries: ListInquiries, clock: Clock) -> None:
        self._calls = calls
        self._allowance = allowance
        self._inquiries = inquiries
        self._clock = clock

    def read(
        self, rights: Rights, wanted: Mapping[PortalObject, bool], deadline: Deadline, *, on_slot: OnSlot | None = None
    ) -> Iterator[tuple[PortalObject, Reading]]:
        """Each object with its list as it is complete; True among `wanted` is for the object's relatives, too.

        A question that fails, or finds no time before the deadline, is the failure of its object's reading.
        """
        asked = {
            (each, name): inquiry
            for each, whole in wanted.items()
            for name, inquiry in self._inquiries.of(rights, each, whole=whole)
        }
        left = dict.fromkeys(wanted, 0)
        for each, _ in asked:
            left[each] += 1
        share = Share.BULK if len(asked) > FEW else Share.INTERACTIVE
        rounds = Rounds[tuple[PortalObject, str], ListReply](
            self._calls, self._allowance, self._clock, rights, share, deadline, on_slot
        )
        replies: dict[PortalObject, dict[str, ListReply | ChatLookupError]] = defaultdict(dict)
        began: dict[PortalObject, float] = {}
        for (each, name), finding, asked_at in rounds.run(asked, lambda _: 1):
            replies[each][name] = finding
            began[each] = min(asked_at, began.get(each, asked_at))
            if len(replies[each]) == left[each]:
                yield each, reading_of(each, replies[each], began[each])
