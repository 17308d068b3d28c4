"""The use case: entity in, chat id out. From memory, the cache or the portal, or stale when the portal fails.

A failing cache fails no look-up: the portal is called for a row that cannot be read, and an answer that cannot be
written is returned.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from chat_lookup.bitrix24.endpoints import is_token
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.results import ChatDetails
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.leases import CacheQuery
from chat_lookup.cache.rows import Row
from chat_lookup.clock import SKEW, Clock, Deadline
from chat_lookup.entity import EntityRef, hint
from chat_lookup.errors import CallerTokenRejected, ChatLookupError, ChatNotAccessible, ChatNotFound
from chat_lookup.lookup.model import Found, Options
from chat_lookup.lookup.plan import asks_anew, is_final, method_of
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.lookup.single_flight import Misses, Turn
from chat_lookup.observability.aws_failures import FAILED, code_of
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import for_caller, for_token
from chat_lookup.portals.portal import Portal
from chat_lookup.ttl_cache import Memory


class Lookup:
    """Looks chats up for one portal at a time."""

    def __init__(self, asking: Asking, cache: Cache, misses: Misses, telemetry: Telemetry, clock: Clock) -> None:
        self._asking = asking
        self._cache = cache
        self._misses = misses
        self._telemetry = telemetry
        self._clock = clock
        self._memory: Memory[tuple[str, int, EntityRef], Row] = Memory(clock, limit=10_000)

    def find(self, portal: Portal, ref: EntityRef, options: Options, deadline: Deadline) -> Found:
        """The chat that carries the pair in this portal.

        Raises `ChatNotFound` (with a hint where the pair looks wrong) and the portal's errors of design 6.
        """
        started = self._clock.now()
        _check_token(options.user_token)
        self._telemetry.note(portal=portal.member_id)
        self._telemetry.note_entity(ref)
        source = "none"
        try:
            with self._proved(options.user_token, portal, deadline):
                row, source = self._answer(portal, ref, options, deadline)
                if row.chat_id is None:
                    raise ChatNotFound(hint=hint(ref))
            found = Found(ref, row.chat_id, source, row.method, max(0, int(self._clock.now() - row.asked_at)))
            if options.user_token is not None:
                chat = self._details_for(options.user_token, portal, found.chat_id, deadline)
                found = found._replace(chat=chat, expanded=True) if options.expand else found
            elif options.expand:
                found = self._expanded(portal, found, options, deadline)
            self._telemetry.note(chat_id=row.chat_id, method=row.method)
            return found
        finally:
            took = (self._clock.now() - started) * 1000
            self._telemetry.count("Lookups", source=source)
            self._telemetry.count("LookupLatency", took, source=source)
            self._telemetry.note(source=source, duration_ms=round(took, 1))

    def reverse(self, portal: Portal, chat_id: int, deadline: Deadline, *, user_token: str | None = None) -> Found:
        """Which entity a chat belongs to, with its details; with `user_token` as that user sees it.

        Raises `ChatNotAccessible`, with the entity that the cache knows, where the portal shows the chat to no method
        of ours: it does not distinguish a missing chat from a closed one (bitrix24.md 1.4).
        """
        _check_token(user_token)
        self._telemetry.note(portal=portal.member_id, chat_id=chat_id)
        if user_token is not None:
            chat = self._details_for(user_token, portal, chat_id, deadline)
            ref = EntityRef.or_none(chat.entity_type, chat.entity_id)
            return Found(ref, chat_id, "portal", "im.dialog.get", 0, chat, expanded=True)
        try:
            chat, method = self._asking.details(portal, chat_id, deadline, bot_id=None)
        except BitrixError as error:
            failure = for_caller(error, self._clock.now())
            if error.error_class in (ErrorClass.OBJECT, ErrorClass.NOT_FOUND):
                failure = self._not_accessible(portal, chat_id, error)
            raise failure from None
        ref = EntityRef.or_none(chat.entity_type, chat.entity_id)
        self._telemetry.note(source="portal", method=method)
        return Found(ref, chat_id, "portal", method, 0, chat, expanded=True)

    def forget(self, portal: Portal, ref: EntityRef) -> None:
        """Delete one cached answer: in this process at once, in all others within 30 s."""
        self._telemetry.note(portal=portal.member_id)
        self._telemetry.note_entity(ref)
        self._cache.forget(portal.member_id, portal.generation, ref)
        self._memory.forget((portal.member_id, portal.generation, ref))

    def overtaken(self, portal: Portal, ref: EntityRef) -> None:
        """Drop what this process remembers of a pair: something later is stored."""
        self._memory.forget((portal.member_id, portal.generation, ref))

    def _answer(self, portal: Portal, ref: EntityRef, options: Options, deadline: Deadline) -> tuple[Row, str]:
        """The row that answers, and its source."""
        key, now, row = (portal.member_id, portal.generation, ref), self._clock.now(), None
        fresh = asks_anew(options, portal)
        wanted = CacheQuery(
            *key,
            how=f"{options.method} {options.bot_id}",
            # With any process's clock: only a call made after this request arrived is fresh for its caller.
            since=now + SKEW if fresh else None,
            method=method_of(options),
        )
        if not fresh:
            row = self._known(key)
            if row is not None and wanted.is_satisfied_by(row, now):
                return row, "event" if row.source == "event" else "cache"
        row, source = self._misses.settle(wanted, row, partial(self._ask, wanted, portal, options, deadline), deadline)
        if row.fresh(self._clock.now()):
            self._memory.put(key, row)
        elif source != "stale":
            self._memory.forget(key)
        return row, source

    def _known(self, key: tuple[str, int, EntityRef]) -> Row | None:
        """The row of a pair, from memory or the cache; None, too, where the cache cannot be read."""
        try:
            return self._memory.recall(key, lambda: self._cache.get(*key))
        except FAILED as error:
            self._telemetry.note(level=logging.WARNING, cache_read_failures=1, cache_error=code_of(error))
            return None

    def _ask(self, wanted: CacheQuery, portal: Portal, options: Options, deadline: Deadline, turn: Turn) -> Row:
        """The row that answers: of the portal's reply, or a later one that another process or an event stored."""
        ref = wanted.ref
        try:
            reply = self._asking.chat_id(
                portal, ref, deadline, method=options.method, bot_id=options.bot_id, on_slot=turn.on_slot
            )
        except BitrixError as error:
            # For a single pair NOT_FOUND means not found; the caller needs no more than that.
            raise for_caller(error, self._clock.now()) from None
        if reply.chat_id is None and not is_final(ref, options.method):
            # A stored null of one method would be returned to callers of `auto`, which tries others, too.
            raise ChatNotFound(hint=hint(ref))
        row = self._cache.answered(ref, reply.chat_id, method=reply.method, asked_at=turn.asked_at)
        try:
            kept = self._cache.keep(portal.member_id, portal.generation, row)
        except FAILED as error:
            turn.kept = False
            self._telemetry.note(level=logging.WARNING, cache_write_failures=1, cache_error=code_of(error))
            return row
        turn.kept = not kept.lost
        return wanted.answer_in(kept, self._clock.now())

    def _expanded(self, portal: Portal, found: Found, options: Options, deadline: Deadline) -> Found:
        """The same with details, or with null where the portal refuses them: that never fails the look-up."""
        try:
            chat, _ = self._asking.details(portal, found.chat_id, deadline, bot_id=options.bot_id)
        except (BitrixError, ChatLookupError):
            return found._replace(expanded=True)
        return found._replace(chat=chat, expanded=True)

    def _details_for(self, user_token: str, portal: Portal, chat_id: int, deadline: Deadline) -> ChatDetails:
        """The chat, if the user is in it. Raises `ChatNotAccessible` without the id, or `CallerTokenRejected`."""
        try:
            return self._asking.details_for(portal, chat_id, user_token, deadline)
        except BitrixError as error:
            if error.error_class in (ErrorClass.OBJECT, ErrorClass.NOT_FOUND):
                raise ChatNotAccessible("The user of the token is not in this chat") from None
            raise for_token(error, self._clock.now()) from None

    @contextmanager
    def _proved(self, user_token: str | None, portal: Portal, deadline: Deadline) -> Iterator[None]:
        """That there is no chat is an answer, too: with a user's token it is given if the portal accepts that.

        Raises `CallerTokenRejected` otherwise.
        """
        try:
            yield
        except ChatNotFound:
            if user_token is not None:
                try:
                    self._asking.check_token(portal, user_token, deadline)
                except BitrixError as error:
                    raise for_token(error, self._clock.now()) from None
            raise

    def _not_accessible(self, portal: Portal, chat_id: int, error: BitrixError) -> ChatNotAccessible:
        ref = self._pair_of(portal, chat_id)
        known = {"entity_type": ref.entity_type, "entity_id": ref.entity_id} if ref else None
        return ChatNotAccessible(portal_error=error.code, extra={"chat_id": chat_id, "known": known})

    def _pair_of(self, portal: Portal, chat_id: int) -> EntityRef | None:
        """The cached pair of a chat; None, too, where the cache cannot be read."""
        try:
            return self._cache.entity_of(portal.member_id, portal.generation, chat_id)
        except FAILED as error:
            self._telemetry.note(level=logging.WARNING, cache_read_failures=1, cache_error=code_of(error))
            return None


def _check_token(user_token: str | None) -> None:
    if user_token is not None and not is_token(user_token):
        raise CallerTokenRejected("The value of X-Bitrix24-Token is no access token")
