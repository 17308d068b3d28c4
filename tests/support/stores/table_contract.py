"""What every `dynamodb.Table` does, whatever is behind it: moto, DynamoDB Local, or this process's memory.

`SCENARIOS` are run on each of them, and random operations are compared between two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st

from chat_lookup.dynamodb import (
    Condition,
    Delete,
    Put,
    StoredOr,
    Table,
    absent,
    all_of,
    any_of,
    at_least,
    at_most,
    begins_with,
    differs,
    equals,
    greater,
    less,
    number,
    present,
    text,
)

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values


@dataclass(frozen=True, slots=True)
class BothTables:
    """PortalTable with a partition and a sort key, CacheTable with a partition key and the index `by_chat`."""

    portal: Table
    cache: Table


KEY: Final = {"pk": text("CHAT#1")}
ROW: Final = {**KEY, "name": text("one"), "count": number(5), "at": number(1.5), "tags": {"SS": ["a", "b"]}}


def comparable(item: "Item") -> dict[str, tuple[str, object]]:
    """A row whose numbers and sets compare by value: moto keeps a number's zeros, and sets have no order."""
    known: Mapping[str, Any] = {"N": Decimal, "SS": frozenset}
    pairs = [(name, kind, given) for name, value in item.items() for kind, given in cast("Values", value).items()]
    return {name: (kind, known[kind](given) if kind in known else given) for name, kind, given in pairs}


def same(item: "Item", expected: "Mapping[str, Any]") -> bool:
    return comparable(item) == comparable(expected)


def code_of(work: Callable[[], object]) -> str:
    """The code of the failure in which this ends."""
    with pytest.raises(ClientError) as caught:
        work()
    return caught.value.response["Error"]["Code"]


HOLDING: Final[Mapping[str, Condition]] = {
    "absent": absent("nothing"),
    "present": present("name"),
    "equal text": equals("name", text("one")),
    "equal number": equals("count", {"N": "5.000"}),
    "equal set": equals("tags", {"SS": ["b", "a"]}),
    "different": differs("name", text("two")),
    "different from absent": differs("nothing", text("two")),
    "different by type": differs("count", text("5")),
    "less": less("at", number(1.6)),
    "less by number": less("count", number(10)),
    "at most": at_most("count", number(5)),
    "greater": greater("at", number(1)),
    "at least": at_least("count", number(5)),
    "greater text": greater("name", text("Two")),
    "begins with": begins_with("name", "on"),
    "both": all_of(present("name"), equals("count", number(5))),
    "either": any_of(absent("name"), equals("count", number(5))),
    "nested": all_of(any_of(absent("name"), present("at")), any_of(all_of(present("tags"), absent("x")), absent("at"))),
    "one part": all_of(any_of(all_of(present("name")))),
    "one in two": all_of(any_of(present("name")), any_of(present("at"), absent("at"))),
    "reserved words": all_of(absent("state"), absent("domain"), absent("until"), absent("owner")),
}
FAILING: Final[Mapping[str, Condition]] = {
    "absent": absent("name"),
    "present": present("nothing"),
    "equal text": equals("name", text("two")),
    "equal by type": equals("count", text("5")),
    "equal to absent": equals("nothing", text("two")),
    "different": differs("count", {"N": "5.0"}),
    "less": less("at", number(1.5)),
    "less than absent": less("nothing", number(1)),
    "at most absent": at_most("nothing", number(1)),
    "greater": greater("count", number(5)),
    "greater than absent": greater("nothing", number(-1)),
    "at least": at_least("at", number(1.500001)),
    "begins with": begins_with("name", "two"),
    "begins with absent": begins_with("nothing", "o"),
    "both": all_of(present("name"), absent("count")),
    "either": any_of(absent("name"), absent("count")),
}
"""Of ROW; by what they show."""


def scenario_conditions_hold_and_fail_alike_in_every_write(tables: BothTables) -> None:
    table = tables.cache
    for holds, conditions in ((True, HOLDING), (False, FAILING)):
        for name, condition in conditions.items():
            table.put(ROW)
            written = table.put({**ROW, "new": number(1)}, condition)
            assert (written.held, bool(written.item)) == (holds, not holds), name
            table.put(ROW)
            updated = table.update(KEY, {"new": number(1)}, condition=condition)
            assert updated.held is holds, name
            assert holds or same(updated.item, ROW), name
            assert ("new" in table.get(KEY, consistent=True)) is holds, name
            table.put(ROW)
            assert table.delete(KEY, condition) is holds, name
            assert bool(table.get(KEY, consistent=True)) is not holds, name
            table.put(ROW)
            assert table.try_transact([Put({**ROW, "new": number(1)}, condition)]) is holds, name
            assert ("new" in table.get(KEY, consistent=True)) is holds, name


def scenario_a_condition_on_a_row_that_is_absent_sees_no_attribute(tables: BothTables) -> None:
    table = tables.cache
    for write in (table.put(ROW, present("pk")), table.update(KEY, {"a": number(1)}, condition=present("pk"))):
        assert write == (False, {})
    assert not table.delete(KEY, equals("name", text("one")))
    assert not table.try_transact([Delete(KEY, present("pk"))])
    assert table.get(KEY, consistent=True) == {}
    assert table.put(ROW, absent("pk")) == (True, {})
    assert same(table.get(KEY, consistent=True), ROW)


def scenario_a_put_replaces_the_whole_row_and_keeps_no_tie_to_what_it_was_given(tables: BothTables) -> None:
    table = tables.cache
    table.put(ROW)
    given: Values = {**KEY, "tags": {"SS": ["c"]}}
    assert table.put(given) == (True, {})
    given["later"] = number(1)
    row = dict(table.get(KEY, consistent=True))
    assert same(row, {**KEY, "tags": {"SS": ["c"]}})
    row.clear()
    assert same(table.get(KEY), {**KEY, "tags": {"SS": ["c"]}})


def scenario_an_update_sets_adds_and_removes_in_one_write(tables: BothTables) -> None:
    table = tables.cache
    table.put(ROW)
    written = table.update(
        KEY,
        {"name": text("two"), "flag": {"BOOL": True}},
        add={"count": number(3), "at": number(-0.25), "tags": {"SS": ["b", "c"]}, "fresh": number(7)},
        remove=("nothing", "gone"),
        condition=equals("count", number(5)),
        returning=True,
    )
    expected = {
        **KEY, "name": text("two"), "flag": {"BOOL": True}, "count": number(8), "at": number(1.25),
        "tags": {"SS": ["a", "b", "c"]}, "fresh": number(7),
    }  # fmt: skip
    assert written.held
    assert same(written.item, expected)
    assert same(table.get(KEY, consistent=True), expected)
    assert table.update(KEY, remove=("name", "tags")) == (True, {})
    assert set(table.get(KEY, consistent=True)) == {"pk", "flag", "count", "at", "fresh"}


def scenario_an_update_makes_a_row_that_is_absent(tables: BothTables) -> None:
    assert same(tables.cache.update(KEY, add={"n": number(1)}, returning=True).item, {**KEY, "n": number(1)})
    assert tables.cache.update({"pk": text("CHAT#2")}, {"name": text("two")}) == (True, {})
    assert same(tables.cache.get({"pk": text("CHAT#2")}), {"pk": text("CHAT#2"), "name": text("two")})


def scenario_a_field_can_be_set_to_what_the_row_had_in_another(tables: BothTables) -> None:
    table = tables.cache
    fields = {"first": StoredOr("first", number(1)), "before": StoredOr("count", number(0)), "count": number(9)}
    assert same(
        table.update(KEY, fields, returning=True).item,
        {**KEY, "first": number(1), "before": number(0), "count": number(9)},
    )
    fields |= {"first": StoredOr("first", number(2)), "count": number(10)}
    assert same(
        table.update(KEY, fields, returning=True).item,
        {**KEY, "first": number(1), "before": number(9), "count": number(10)},
    )


def scenario_what_is_popped_is_returned_once(tables: BothTables) -> None:
    tables.cache.put(ROW)
    assert same(tables.cache.pop(KEY), ROW)
    assert tables.cache.pop(KEY) == {}
    assert tables.cache.delete(KEY)


def scenario_a_transaction_writes_all_or_nothing(tables: BothTables) -> None:
    table = tables.portal
    one, two, three = ({"pk": text("P"), "sk": text(each)} for each in "123")
    table.transact([Put({**one, "n": number(1)}, absent("pk")), Put(two)])
    assert code_of(lambda: table.transact([Put(three), Delete(one, equals("n", number(2)))])) == (
        "TransactionCanceledException"
    )
    assert not table.try_transact([Put(three), Delete(one, equals("n", number(2)))])
    assert [table.get(key, consistent=True) != {} for key in (one, two, three)] == [True, True, False]
    assert table.try_transact([Put(three), Delete(one, equals("n", number(1))), Delete(two)])
    assert [table.get(key, consistent=True) != {} for key in (one, two, three)] == [False, False, True]


def scenario_a_partition_is_read_in_the_order_of_its_sort_keys(tables: BothTables) -> None:
    table = tables.portal
    for pk, sk in (("P", "KEY#2"), ("P", "RECORD"), ("Q", "KEY#0"), ("P", "KEY#10"), ("P", "KEY#1")):
        table.put({"pk": text(pk), "sk": text(sk), "name": text(f"{pk}{sk}")})
    keys = all_of(equals("pk", text("P")), begins_with("sk", "KEY#"))
    assert [each["name"]["S"] for each in table.query(keys)] == ["PKEY#1", "PKEY#10", "PKEY#2"]
    assert [each["sk"]["S"] for each in table.query(keys, limit=2)] == ["KEY#1", "KEY#10"]
    assert len(list(table.query(equals("pk", text("P"))))) == 4
    assert list(table.query(equals("pk", text("R")))) == []


def scenario_the_index_has_the_rows_of_a_chat_with_what_it_projects(tables: BothTables) -> None:
    table = tables.cache
    for number_, chat in (("1", "c1"), ("2", "c1"), ("3", "c2")):
        pair = {"entity_type": text("CRM"), "entity_id": text(number_)}
        table.put({"pk": text(f"CHAT#{number_}"), "chat": text(chat), **pair, "method": text("im.chat.get")})
    table.put({"pk": text("CHAT#4"), "entity_id": text("4")})
    found = list(table.query(equals("chat", text("c1")), index="by_chat", limit=10))
    assert sorted(each["entity_id"]["S"] for each in found) == ["1", "2"]
    assert {frozenset(each) for each in found} == {frozenset({"pk", "chat", "entity_type", "entity_id"})}
    assert len(list(table.query(equals("chat", text("c1")), index="by_chat", limit=1))) == 1


def scenario_a_scan_filters_and_can_show_one_attribute(tables: BothTables) -> None:
    table = tables.portal
    for pk, sk in (("APP#1", "APPLICATION"), ("APP#2", "OTHER"), ("MARKET", "APPLICATION")):
        table.put({"pk": text(pk), "sk": text(sk), "name": text(pk)})
    where = all_of(equals("sk", text("APPLICATION")), begins_with("pk", "APP#"))
    assert [each["name"]["S"] for each in table.scan(where)] == ["APP#1"]
    assert sorted(each["pk"]["S"] for each in table.scan(equals("sk", text("APPLICATION")), only="pk")) == (
        ["APP#1", "MARKET"]
    )
    assert {frozenset(each) for each in table.scan(begins_with("pk", "APP#"), only="pk")} == {frozenset({"pk"})}


def scenario_many_rows_are_read_at_once_where_there_are_any(tables: BothTables) -> None:
    keys = [{"pk": text(f"CHAT#{each}")} for each in range(100)]
    for key in keys[::2]:
        tables.cache.put({**key, "n": number(1)})
    found, left = tables.cache.batch_get(keys)
    assert not left
    assert {each["pk"]["S"] for each in found} == {f"CHAT#{each}" for each in range(0, 100, 2)}


def scenario_what_dynamodb_cannot_store_or_find_is_refused(tables: BothTables) -> None:
    table, other = tables.cache, tables.portal
    wrong: Sequence[Callable[[], object]] = (
        lambda: table.put({"name": text("no key")}),
        lambda: table.put({"pk": text("")}),
        lambda: table.get({"pk": text("P"), "sk": text("S")}),
        lambda: other.get({"pk": text("P")}),
        lambda: table.update(KEY),
        lambda: table.update(KEY, {"pk": text("other")}),
        lambda: table.update(KEY, {"a": number(1)}, remove=("a",)),
        lambda: table.batch_get([KEY, KEY]),
        lambda: list(other.query(begins_with("sk", "KEY#"))),
    )
    for number_, work in enumerate(wrong):
        assert code_of(work) == "ValidationException", number_


SCENARIOS: Final[Mapping[str, Callable[[BothTables], None]]] = {
    name.removeprefix("scenario_"): scenario
    for name, scenario in list(globals().items())
    if name.startswith("scenario_")
}


# -- random operations -------------------------------------------------------------------------------------------------

Operation = Callable[[Table], object]

_KEYS: Final = st.sampled_from(["CHAT#1", "CHAT#2"]).map(lambda pk: {"pk": text(pk)})
_NUMBERS: Final = st.sampled_from([0, 1, 2, 5, 1.5, 1763000000.123456, -3]).map(number)
_TEXTS: Final = st.sampled_from(["a", "b", "ä", "A"]).map(text)
_SETS: Final = st.sampled_from([["a"], ["b", "a"], ["c"]]).map(lambda members: {"SS": members})
_FIELD: Final[Mapping[str, st.SearchStrategy[Any]]] = {"n": _NUMBERS, "m": _NUMBERS, "t": _TEXTS, "s": _SETS}
"""One kind of value for each attribute: on mixed ones moto raises where DynamoDB answers."""

_FIELDS: Final = st.fixed_dictionaries({}, optional=dict(_FIELD))
_ORDERED: Final = st.one_of(
    *(
        st.builds(make, st.just(name), _FIELD[name])
        for make in (equals, differs, less, at_most, greater, at_least)
        for name in ("n", "m", "t")
    ),
    *(st.builds(make, st.just("s"), _SETS) for make in (equals, differs)),
    st.builds(begins_with, st.just("t"), st.sampled_from("ab")),
    *(st.builds(make, st.sampled_from([*_FIELD, "pk"])) for make in (absent, present)),
)
_CONDITIONS: Final = st.recursive(
    _ORDERED,
    lambda parts: st.builds(
        lambda make, given: make(*given), st.sampled_from([all_of, any_of]), st.lists(parts, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


def _put(key: "Values", fields: "Values", condition: Condition | None) -> Operation:
    def put(table: Table) -> object:
        held, item = table.put({**key, **fields}, condition)
        return held, comparable(item)

    return put


def _update(
    key: "Values", fields: dict[str, Any], remove: list[str], condition: Condition | None, copied: bool
) -> Operation:
    left = {name: value for name, value in fields.items() if name not in remove}
    add: dict[str, Any] = {name: left.pop(name) for name in ("m", "s") if name in left}
    if copied and "n" in left:
        left["n"] = StoredOr("m", left["n"])

    def update(table: Table) -> object:
        if not (left or add or remove):
            return None
        held, item = table.update(key, left, add=add, remove=remove, condition=condition, returning=True)
        return held, comparable(item)

    return update


def _delete(key: "Values", condition: Condition | None) -> Operation:
    return lambda table: table.delete(key, condition)


def _transact(fields: "Values", first: Condition | None, second: Condition | None) -> Operation:
    one, two = ({"pk": text(pk)} for pk in ("CHAT#1", "CHAT#2"))
    return lambda table: table.try_transact([Put({**one, **fields}, first), Delete(two, second)])


_MAYBE: Final = st.none() | _CONDITIONS
OPERATIONS: Final = st.lists(
    st.one_of(
        st.builds(_put, _KEYS, _FIELDS, _MAYBE),
        st.builds(_update, _KEYS, _FIELDS, st.lists(st.sampled_from([*_FIELD]), unique=True), _MAYBE, st.booleans()),
        st.builds(_delete, _KEYS, _MAYBE),
        st.builds(_transact, _FIELDS, _MAYBE, _MAYBE),
    ),
    min_size=1,
    max_size=12,
)


def outcomes(table: Table, operations: Sequence[Operation]) -> list[object]:
    """What each operation returned, and the rows at the end; the table is empty before and after."""
    returned = [operation(table) for operation in operations]
    rows = [comparable(table.pop({"pk": text(pk)})) for pk in ("CHAT#1", "CHAT#2")]
    return [*returned, *rows]
