"""What this portal does where the documents contradict each other, or portals differ."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the documents contradict each other, or portals differ.

    `result`: what a look-up returns. `bot_api`: a portal of `v1` has no `imbot.v2` yet. `oauth_post`: whether the
    authorisation server accepts POST beside the documented GET. `frame`: an `old` portal's frame POST lacks the three
    fields that are documented only since 2026-08-20 (bitrix24.md 4.1). `bindings`: whether event handlers `vanish` or
    `stay` when the application is updated (event-bind.md, its English and its newer Russian page).
    `entity_id_in_events`: whether chats in the events of v2 name their entity's id: entities.md lists it and the
    source sends it, shortened samples leave it out (bitrix24.md 5.6). `auth_in_events`: with `brief`, v2's `auth`
    beside `data` is as the events page shows it, domain and application token only (bitrix24.md 9, row 18).
    `refresh_in_events`: whether the bot's tokens in v2's events contain a refresh token; two samples of one page
    contradict each other, the source sends it (5.6). `handler_id`: `always` names the handler's id in every event, as
    the newer page of events does and b24pysdk needs; `bound` leaves it out of those of installation and of v2, as their
    samples do (5.2). `flat_commands`: whether `imbot.v2.Command.register` still takes its parameters outside of
    `fields`, which is promised until 2026-09-30 only (1.10). `same_pair`: which of several chats with one pair a
    look-up returns, `any` another one each time; nothing orders them (1.1). `pair_case`: whether letter case counts in
    a pair; a database that ignores it finds `deal|1` for `DEAL|1` (1.1).
    """

    result: Literal["object", "int"] = "object"
    bot_api: Literal["v2", "v1"] = "v2"
    oauth_post: bool = True
    frame: Literal["new", "old"] = "new"
    bindings: Literal["vanish", "stay"] = "vanish"
    entity_id_in_events: bool = True
    auth_in_events: Literal["full", "brief"] = "full"
    refresh_in_events: bool = True
    handler_id: Literal["always", "bound"] = "always"
    flat_commands: bool = False
    same_pair: Literal["youngest", "oldest", "any"] = "youngest"
    pair_case: Literal["exact", "ignored"] = "exact"
