"""Finds, among many prefixes, suffixes, wildcards and ignore-case texts, those that match a string.

Each kind finds a few candidates by dictionary lookups, as many as there are lengths of the rules' texts, or characters
in the string. If a lookup does not decide, each candidate is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from nightbus.bus.patterns.matchers import (
    IgnoreCase,
    Prefix,
    PrefixIgnoreCase,
    Suffix,
    SuffixIgnoreCase,
    Wildcard,
)
from nightbus.bus.patterns.wildcards import Parts, accepts

Item = TypeVar("Item", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
Asked = TypeVar("Asked", IgnoreCase, PrefixIgnoreCase, SuffixIgnoreCase)

# A literal between two stars of a wildcard is found by its last characters.
LONGEST_GRAM = 6
_LONG = 4096  # characters
_FEW = 64  # keys


def fold(text: str) -> str:
    """Return a text that is the same for all strings that `case_folding` may regard as equal, and for some others."""
    return text.upper().lower().upper()


def put(table: dict[Key, set[Item]], key: Key, item: Item) -> None:
    items = table.get(key)
    if items is None:
        table[key] = {item}
    else:
        items.add(item)


def drop(table: dict[Key, set[Item]], key: Key, item: Item) -> None:
    items = table.get(key)
    if items is not None:
        items.discard(item)
        if not items:
            del table[key]


class Heads(Generic[Item]):
    """Items by the prefix that a string must have."""

    __slots__ = ("_by_length",)

    def __init__(self) -> None:
        self._by_length: dict[int, dict[str, set[Item]]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def put(self, head: str, item: Item) -> None:
        put(self._by_length.setdefault(len(head), {}), head, item)

    def drop(self, head: str, item: Item) -> None:
        table = self._by_length.get(len(head))
        if table is not None:
            drop(table, head, item)
            if not table:
                del self._by_length[len(head)]

    def find(self, text: str, matched: set[Item]) -> None:
        size = len(text)
        for length, table in self._by_length.items():
            if length <= size:
                items = table.get(text[:length])
                if items:
                    matched |= items


def _confirmed(candidates: Iterable[tuple[Asked, Item]], value: str) -> Iterable[Item]:
    """Yield the candidates that accept the value. They have the same folded text, which decides for ASCII texts."""
    ascii_only = value.isascii()
    return [
        item
        for matcher, item in candidates
        if (ascii_only and matcher.text.isascii()) or matcher.accepts(value)
    ]


class Prefixes(Generic[Item]):
    def __init__(self) -> None:
        self._heads: Heads[Item] = Heads()

    def __bool__(self) -> bool:
        return bool(self._heads)

    def add(self, matcher: Prefix, item: Item) -> None:
        self._heads.put(matcher.text, item)

    def remove(self, matcher: Prefix, item: Item) -> None:
        self._heads.drop(matcher.text, item)

    def find(self, value: object, matched: set[Item]) -> None:
        if isinstance(value, str):
            self._heads.find(value, matched)


class Suffixes(Generic[Item]):
    def __init__(self) -> None:
        self._heads: Heads[Item] = Heads()

    def __bool__(self) -> bool:
        return bool(self._heads)

    def add(self, matcher: Suffix, item: Item) -> None:
        self._heads.put(matcher.text[::-1], item)

    def remove(self, matcher: Suffix, item: Item) -> None:
        self._heads.drop(matcher.text[::-1], item)

    def find(self, value: object, matched: set[Item]) -> None:
        if isinstance(value, str):
            self._heads.find(value[::-1], matched)


AnyCase = TypeVar("AnyCase", PrefixIgnoreCase, SuffixIgnoreCase)


class _AnyCase(Generic[AnyCase, Item]):
    """Items by folded prefix or suffix. `turned` reverses a text, so that a suffix is a prefix."""

    def __init__(self, turned: Callable[[str], str]) -> None:
        self._turned = turned
        self._heads: Heads[tuple[AnyCase, Item]] = Heads()

    def __bool__(self) -> bool:
        return bool(self._heads)

    def add(self, matcher: AnyCase, item: Item) -> None:
        self._heads.put(self._turned(matcher.text), (matcher, item))

    def remove(self, matcher: AnyCase, item: Item) -> None:
        self._heads.drop(self._turned(matcher.text), (matcher, item))

    def find(self, value: object, matched: set[Item]) -> None:
        if isinstance(value, str):
            candidates: set[tuple[AnyCase, Item]] = set()
            self._heads.find(self._turned(value), candidates)
            matched.update(_confirmed(candidates, value))


class PrefixesAnyCase(_AnyCase[PrefixIgnoreCase, Item]):
    def __init__(self) -> None:
        super().__init__(fold)


class SuffixesAnyCase(_AnyCase[SuffixIgnoreCase, Item]):
    def __init__(self) -> None:
        super().__init__(lambda text: fold(text)[::-1])


class AnyCaseTexts(Generic[Item]):
    def __init__(self) -> None:
        self._by_fold: dict[str, set[tuple[IgnoreCase, Item]]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_fold)

    def add(self, matcher: IgnoreCase, item: Item) -> None:
        put(self._by_fold, fold(matcher.text), (matcher, item))

    def remove(self, matcher: IgnoreCase, item: Item) -> None:
        drop(self._by_fold, fold(matcher.text), (matcher, item))

    def find(self, value: object, matched: set[Item]) -> None:
        if isinstance(value, str):
            candidates = self._by_fold.get(fold(value))
            if candidates:
                matched.update(_confirmed(candidates, value))


class _Expression(Generic[Item]):
    """A wildcard, and the items that have it. It is compared by identity, which is fast."""

    __slots__ = ("items", "parts")

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.items: set[Item] = set()


class Wildcards(Generic[Item]):
    """Items by the longest literal of a wildcard: before the first star, after the last, or between two."""

    def __init__(self) -> None:
        self._expressions: dict[Parts, _Expression[Item]] = {}
        self._heads: Heads[_Expression[Item]] = Heads()
        self._tails: Heads[_Expression[Item]] = Heads()
        self._grams: dict[int, dict[str, set[_Expression[Item]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._expressions)

    def add(self, matcher: Wildcard, item: Item) -> None:
        expression = self._expressions.get(matcher.parts)
        if expression is None:
            expression = self._expressions[matcher.parts] = _Expression(matcher.parts)
            self._put(expression)
        expression.items.add(item)

    def _put(self, expression: _Expression[Item]) -> None:
        head, tail, gram = _found_by(expression.parts)
        if head is not None:
            self._heads.put(head, expression)
        elif tail is not None:
            self._tails.put(tail[::-1], expression)
        else:
            put(self._grams.setdefault(len(gram), {}), gram, expression)

    def remove(self, matcher: Wildcard, item: Item) -> None:
        expression = self._expressions.get(matcher.parts)
        if expression is None:
            return
        expression.items.discard(item)
        if not expression.items:
            del self._expressions[matcher.parts]
            self._drop(expression)

    def _drop(self, expression: _Expression[Item]) -> None:
        head, tail, gram = _found_by(expression.parts)
        if head is not None:
            self._heads.drop(head, expression)
        elif tail is not None:
            self._tails.drop(tail[::-1], expression)
        else:
            drop(self._grams[len(gram)], gram, expression)
            if not self._grams[len(gram)]:
                del self._grams[len(gram)]

    def find(self, value: object, matched: set[Item]) -> None:
        if not isinstance(value, str):
            return
        candidates: set[_Expression[Item]] = set()
        self._heads.find(value, candidates)
        if self._tails:
            self._tails.find(value[::-1], candidates)
        for length, table in self._grams.items():
            for gram in _grams_in(value, length, table):
                candidates |= table[gram]
        for expression in candidates:
            if accepts(expression.parts, value):
                matched |= expression.items


def _grams_in(value: str, length: int, table: Mapping[str, object]) -> Iterable[str]:
    """Yield the keys of `table`, all of this length, that occur in the value.

    Searching a long value for one key costs about a nanosecond per character, cutting it into pieces about a hundred.
    """
    if len(value) > _LONG and len(table) < _FEW:
        return [gram for gram in table if gram in value]
    places = len(value) - length + 1
    grams: set[str] = set()
    for begin in range(0, places, _LONG):
        end = min(begin + _LONG, places)
        grams |= {value[start : start + length] for start in range(begin, end)} & table.keys()
    return grams


def _found_by(parts: Parts) -> tuple[str | None, str | None, str]:
    """Return the head, the tail or a gram by which a wildcard is found; at most one of head and tail is not None."""
    head, *middle, tail = (*parts, "") if len(parts) == 1 else parts
    gram = max(middle, key=len, default="")[-LONGEST_GRAM:]
    if max(len(head), len(tail)) < len(gram):
        return None, None, gram
    return (head, None, "") if len(head) >= len(tail) else (None, tail, "")
