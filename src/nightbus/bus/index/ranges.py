"""Finds, among many ranges of numbers, those that contain a value, in logarithmic time even if ranges overlap.

It is an interval tree that needs no balancing. Doubles are numbered in their order by 64-bit keys, and a range belongs
to the node of the binary tree over all keys at which the keys of its ends diverge. A lookup goes from the root towards
the value's key. At a node to the right of the value a range contains the value if it begins at or before it, and at a
node to the left if it ends at or after it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable
from struct import Struct
from typing import Generic, TypeVar

from nightbus.bus.patterns.matchers import Numeric

Item = TypeVar("Item", bound=Hashable)

_DOUBLE, _BITS = Struct(">d"), Struct(">q")
_SIGN = 1 << 63
LOWEST, HIGHEST = 0, (1 << 64) - 1

Interval = tuple[int, int]


def order_key(number: float) -> int:
    """Return the number of a double among all doubles in their order; -0 equals 0."""
    bits: int = _BITS.unpack(_DOUBLE.pack(number + 0.0))[0]
    return bits + _SIGN if bits >= 0 else -bits - 1


def interval(numeric: Numeric) -> Interval:
    """Return the keys of the first and the last number in the range."""
    low = LOWEST if numeric.low is None else order_key(numeric.low) + (not numeric.low_included)
    high = HIGHEST if numeric.high is None else order_key(numeric.high) - (not numeric.high_included)
    return low, high


class _Node(Generic[Item]):
    """The ranges whose ends diverge at `middle`, which they all contain."""

    __slots__ = ("by_high", "by_low", "items")

    def __init__(self) -> None:
        self.items: dict[Interval, set[Item]] = {}
        self.by_low: list[Interval] = []
        self.by_high: list[Interval] = []


class Ranges(Generic[Item]):
    """Items by the range of their values."""

    def __init__(self) -> None:
        # Nodes by level (the number of low bits that the ends do not share), then by the shared bits.
        self._levels: dict[int, dict[int, _Node[Item]]] = {}

    def __bool__(self) -> bool:
        return bool(self._levels)

    def add(self, matcher: Numeric, item: Item) -> None:
        low, high = interval(matcher)
        if low > high:
            return
        level = (low ^ high).bit_length()
        node = self._levels.setdefault(level, {}).setdefault(low >> level, _Node())
        if (low, high) not in node.items:
            insort(node.by_low, (low, high))
            insort(node.by_high, (high, low))
        node.items.setdefault((low, high), set()).add(item)

    def remove(self, matcher: Numeric, item: Item) -> None:
        low, high = interval(matcher)
        level = (low ^ high).bit_length()
        node = self._levels.get(level, {}).get(low >> level)
        if node is None or (low, high) not in node.items:
            return
        items = node.items[low, high]
        items.discard(item)
        if not items:
            del node.items[low, high]
            del node.by_low[bisect_left(node.by_low, (low, high))]
            del node.by_high[bisect_left(node.by_high, (high, low))]
        if not node.items:
            del self._levels[level][low >> level]
        if not self._levels[level]:
            del self._levels[level]

    def find(self, number: float, matched: set[Item]) -> None:
        key = order_key(number)
        for level, nodes in self._levels.items():
            node = nodes.get(key >> level)
            if node is None:
                continue
            if level and not key >> (level - 1) & 1:
                # All these ranges end in the other half, after the value.
                for bounds in node.by_low[: bisect_right(node.by_low, (key, HIGHEST))]:
                    matched |= node.items[bounds]
            else:
                for high, low in node.by_high[bisect_left(node.by_high, (key, LOWEST)) :]:
                    matched |= node.items[low, high]
