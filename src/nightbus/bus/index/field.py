"""Finds, among many fields of rules, those that accept a value.

Each kind of matcher has a table that finds the accepting matchers without trying each; its results are exactly those of
the matchers' `accepts`. Several tables may find the same item, so the result is a set.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

from nightbus.bus.index.ranges import Ranges
from nightbus.bus.index.texts import (
    AnyCaseTexts,
    Prefixes,
    PrefixesAnyCase,
    Suffixes,
    SuffixesAnyCase,
    Wildcards,
    drop,
    put,
)
from nightbus.bus.numbers import comparable_value, number_text
from nightbus.bus.patterns import matchers
from nightbus.bus.patterns.addresses import parse_address
from nightbus.bus.patterns.matchers import Matcher
from nightbus.bus.patterns.rule import Field

Item = TypeVar("Item", bound=Hashable)


class Table(Protocol[Item]):
    """Items by matchers of one kind. An empty table is false. Removing an item that is not there has no effect."""

    def add(self, matcher: Any, item: Item) -> None: ...
    def remove(self, matcher: Any, item: Item) -> None: ...
    def find(self, value: object, matched: set[Item]) -> None: ...
    def __bool__(self) -> bool: ...


class FieldIndex(Generic[Item]):
    """Items by the field that must accept a value. `exists: false` accepts no value and is not in this index."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[type, Table[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._tables)

    def add(self, field: Field, item: Item) -> None:
        for kind, matcher in _entries(field):
            table = self._tables.get(kind)
            if table is None:
                table = self._tables[kind] = TABLES[kind]()
            table.add(matcher, item)

    def remove(self, field: Field, item: Item) -> None:
        for kind, matcher in _entries(field):
            table = self._tables.get(kind)
            if table is not None:
                table.remove(matcher, item)
                if not table:
                    del self._tables[kind]

    def find(self, value: object, matched: set[Item]) -> None:
        for table in self._tables.values():
            table.find(value, matched)


def _entries(field: Field) -> list[tuple[type, Any]]:
    excluding = [item for item in field.matchers if isinstance(item, EXCLUDING)]
    if len(excluding) > 1:
        # One matcher excludes a value that another accepts, so the items cannot be computed as a difference of sets.
        return [(Field, field)]
    return [
        (type(item), item) for item in dict.fromkeys(field.matchers) if not isinstance(item, matchers.Absent)
    ]


class _Texts(Generic[Item]):
    def __init__(self) -> None:
        self._items: dict[str, set[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, matcher: matchers.Exact, item: Item) -> None:
        put(self._items, matcher.text, item)

    def remove(self, matcher: matchers.Exact, item: Item) -> None:
        drop(self._items, matcher.text, item)

    def find(self, value: object, matched: set[Item]) -> None:
        if isinstance(value, str):
            items = self._items.get(value)
            if items:
                matched |= items


class _Literals(Generic[Item]):
    def __init__(self) -> None:
        self._items: dict[bool | None, set[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, matcher: matchers.Literal, item: Item) -> None:
        put(self._items, matcher.value, item)

    def remove(self, matcher: matchers.Literal, item: Item) -> None:
        drop(self._items, matcher.value, item)

    def find(self, value: object, matched: set[Item]) -> None:
        if value is None or isinstance(value, bool):
            matched |= self._items.get(value, set())


class _Numbers(Generic[Item]):
    """Items by number, or by the number's text if it is not a double."""

    def __init__(self) -> None:
        self._items: dict[float | str, set[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, matcher: matchers.Number, item: Item) -> None:
        put(self._items, matcher.text if matcher.value is None else matcher.value, item)

    def remove(self, matcher: matchers.Number, item: Item) -> None:
        drop(self._items, matcher.text if matcher.value is None else matcher.value, item)

    def find(self, value: object, matched: set[Item]) -> None:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = comparable_value(value)
            matched |= self._items.get(number if number is not None else number_text(value) or "", set())


class _Addresses(Generic[Item]):
    def __init__(self) -> None:
        self._items: dict[tuple[int, int], set[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, matcher: matchers.IpAddress, item: Item) -> None:
        put(self._items, (matcher.address.bits, matcher.address.value), item)

    def remove(self, matcher: matchers.IpAddress, item: Item) -> None:
        drop(self._items, (matcher.address.bits, matcher.address.value), item)

    def find(self, value: object, matched: set[Item]) -> None:
        address = parse_address(value) if isinstance(value, str) else None
        if address is not None:
            matched |= self._items.get((address.bits, address.value), set())


class _Blocks(Generic[Item]):
    """Items by the size of a block and its first address. A value is looked up once for each size that occurs."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[int, int], dict[int, set[Item]]] = {}

    def __bool__(self) -> bool:
        return bool(self._sizes)

    def add(self, matcher: matchers.Cidr, item: Item) -> None:
        block = matcher.block
        put(self._sizes.setdefault((block.bits, block.last - block.first + 1), {}), block.first, item)

    def remove(self, matcher: matchers.Cidr, item: Item) -> None:
        block = matcher.block
        size = (block.bits, block.last - block.first + 1)
        if size in self._sizes:
            drop(self._sizes[size], block.first, item)
            if not self._sizes[size]:
                del self._sizes[size]

    def find(self, value: object, matched: set[Item]) -> None:
        address = parse_address(value) if isinstance(value, str) else None
        if address is None:
            return
        for (bits, size), blocks in self._sizes.items():
            if bits == address.bits:
                matched |= blocks.get(address.value - address.value % size, set())


class _Ranges(Generic[Item]):
    def __init__(self) -> None:
        self._ranges: Ranges[Item] = Ranges()

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def add(self, matcher: matchers.Numeric, item: Item) -> None:
        self._ranges.add(matcher, item)

    def remove(self, matcher: matchers.Numeric, item: Item) -> None:
        self._ranges.remove(matcher, item)

    def find(self, value: object, matched: set[Item]) -> None:
        number = comparable_value(value)
        if number is not None:
            self._ranges.find(number, matched)


class _Excluding(Generic[Item]):
    """Items by values that they exclude. A value finds all others."""

    def __init__(self) -> None:
        self._all: set[Item] = set()
        self._excluded: FieldIndex[Item] = FieldIndex()

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, matcher: matchers.AnythingBut | matchers.AnythingButMatching, item: Item) -> None:
        self._all.add(item)
        self._excluded.add(_excluded_by(matcher), item)

    def remove(self, matcher: matchers.AnythingBut | matchers.AnythingButMatching, item: Item) -> None:
        self._all.discard(item)
        self._excluded.remove(_excluded_by(matcher), item)

    def find(self, value: object, matched: set[Item]) -> None:
        excluded: set[Item] = set()
        self._excluded.find(value, excluded)
        matched |= self._all - excluded if excluded else self._all


def _excluded_by(matcher: matchers.AnythingBut | matchers.AnythingButMatching) -> Field:
    if isinstance(matcher, matchers.AnythingButMatching):
        return Field("", matcher.excluded)
    return Field(
        "",
        tuple(
            matchers.Exact(item) if isinstance(item, str) else matchers.Number(str(item), item)
            for item in matcher.excluded
        ),
    )


class _Any(Generic[Item]):
    def __init__(self) -> None:
        self._items: set[Item] = set()

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, matcher: matchers.Exists, item: Item) -> None:
        self._items.add(item)

    def remove(self, matcher: matchers.Exists, item: Item) -> None:
        self._items.discard(item)

    def find(self, value: object, matched: set[Item]) -> None:
        matched |= self._items


class _Asked(Generic[Item]):
    """Items by fields without a table. Each field is tried."""

    def __init__(self) -> None:
        self._items: set[tuple[Field, Item]] = set()

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, field: Field, item: Item) -> None:
        self._items.add((field, item))

    def remove(self, field: Field, item: Item) -> None:
        self._items.discard((field, item))

    def find(self, value: object, matched: set[Item]) -> None:
        matched.update(item for field, item in self._items if field.accepts(value))


EXCLUDING = (matchers.AnythingBut, matchers.AnythingButMatching)
TABLES: dict[type[Matcher] | type[Field], Callable[[], Table[Any]]] = {
    matchers.Exact: _Texts,
    matchers.Literal: _Literals,
    matchers.Number: _Numbers,
    matchers.IpAddress: _Addresses,
    matchers.Prefix: Prefixes,
    matchers.Suffix: Suffixes,
    matchers.IgnoreCase: AnyCaseTexts,
    matchers.PrefixIgnoreCase: PrefixesAnyCase,
    matchers.SuffixIgnoreCase: SuffixesAnyCase,
    matchers.Wildcard: Wildcards,
    matchers.Cidr: _Blocks,
    matchers.Numeric: _Ranges,
    matchers.AnythingBut: _Excluding,
    matchers.AnythingButMatching: _Excluding,
    matchers.Exists: _Any,
    Field: _Asked,
}
