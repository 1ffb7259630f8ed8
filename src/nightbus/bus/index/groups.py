"""Finds the branches of rules that may match an event by the event's values.

Branches that require exact values at the same paths are a group: one dictionary lookup with the event's values finds
the bucket of the branches that require these values. In a bucket a branch is found by one more field, if it has one.

An event is either plain, with at most one value at each path and none in an array, or it has lists of values. In the
second case the branches found are candidates, and each must be verified as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from operator import itemgetter
from typing import Any

from nightbus.bus.index.field import FieldIndex
from nightbus.bus.index.texts import drop, put
from nightbus.bus.patterns.rule import Branch, Field

# Up to this number, combinations of an event's values are looked up without comparing their number with that of the
# keys.
FEW_KEYS = 256


class Missing:
    """Stands for the value at a path that the event does not have."""


MISSING = Missing()

Slot = int  # the number of a path
PlainValues = Sequence[Any]  # by slot
ValueLists = Mapping[Slot, Sequence[Any]]  # only of paths that have values


class GroupEntry:
    """One branch of a rule. `order` is the number of its rule among all rules."""

    __slots__ = ("branch", "checks", "order")

    def __init__(self, order: int, branch: Branch, checks: tuple[tuple[Slot, Field], ...]) -> None:
        self.order = order
        self.branch = branch
        self.checks = checks

    def holds(self, values: PlainValues) -> bool:
        for slot, field in self.checks:
            value = values[slot]
            if value is MISSING:
                if not field.may_be_absent:
                    return False
            elif not field.accepts(value):
                return False
        return True


class Bucket:
    """Entries by the one further field that finds them. `entries` has those without such a field."""

    __slots__ = ("absent", "entries", "fields")

    def __init__(self) -> None:
        self.entries: set[GroupEntry] = set()
        self.fields: dict[Slot, FieldIndex[GroupEntry]] | None = None
        self.absent: dict[Slot, set[GroupEntry]] | None = None

    def __bool__(self) -> bool:
        return bool(self.entries or self.fields or self.absent)

    def add(self, entry: GroupEntry, slot: Slot, field: Field | None) -> None:
        if field is None:
            self.entries.add(entry)
            return
        if self.fields is None:
            self.fields = {}
        index = self.fields.get(slot)
        if index is None:
            index = self.fields[slot] = FieldIndex()
        index.add(field, entry)
        if not index:
            del self.fields[slot]
        if field.may_be_absent:
            if self.absent is None:
                self.absent = {}
            put(self.absent, slot, entry)

    def remove(self, entry: GroupEntry, slot: Slot, field: Field | None) -> None:
        if field is None:
            self.entries.discard(entry)
            return
        if self.fields and slot in self.fields:
            self.fields[slot].remove(field, entry)
            if not self.fields[slot]:
                del self.fields[slot]
        if self.absent and field.may_be_absent:
            drop(self.absent, slot, entry)

    def find(self, values: PlainValues, candidates: set[GroupEntry]) -> None:
        candidates |= self.entries
        if self.fields:
            for slot, index in self.fields.items():
                value = values[slot]
                if value is not MISSING:
                    index.find(value, candidates)
        if self.absent:
            for slot, entries in self.absent.items():
                if values[slot] is MISSING:
                    candidates |= entries

    def find_any(self, lists: ValueLists, candidates: set[GroupEntry]) -> None:
        candidates |= self.entries
        if self.fields:
            for slot in self.fields.keys() & lists.keys():
                index = self.fields[slot]
                for value in lists[slot]:
                    index.find(value, candidates)
        if self.absent:
            # A value in one element of an array may be absent from another element.
            for entries in self.absent.values():
                candidates |= entries


class Group:
    """Buckets by the exact values that events must have at the paths of `slots`."""

    __slots__ = ("bucket", "buckets", "key", "slots")

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        self.slots = slots
        self.buckets: dict[Any, Bucket] = {}
        self.bucket = self.buckets.get
        # The key of one slot is the value itself, of several slots a tuple.
        self.key: Callable[[PlainValues], Any] = itemgetter(*slots)

    def __bool__(self) -> bool:
        return bool(self.buckets)

    def add(self, key: tuple[Any, ...], entry: GroupEntry, slot: Slot, field: Field | None) -> None:
        bucket_key = key if len(key) > 1 else key[0]
        bucket = self.buckets.get(bucket_key)
        if bucket is None:
            bucket = self.buckets[bucket_key] = Bucket()
        bucket.add(entry, slot, field)

    def remove(self, key: tuple[Any, ...], entry: GroupEntry, slot: Slot, field: Field | None) -> None:
        bucket_key = key if len(key) > 1 else key[0]
        bucket = self.buckets.get(bucket_key)
        if bucket is not None:
            bucket.remove(entry, slot, field)
            if not bucket:
                del self.buckets[bucket_key]

    def find_any(self, lists: ValueLists, candidates: set[GroupEntry]) -> None:
        if any(slot not in lists for slot in self.slots):
            return
        for bucket in self._buckets_of([lists[slot] for slot in self.slots]):
            bucket.find_any(lists, candidates)

    def _buckets_of(self, values: list[Sequence[Any]]) -> list[Bucket]:
        combinations = prod(map(len, values))
        if combinations <= FEW_KEYS or combinations <= len(self.buckets):
            keys = values[0] if len(values) == 1 else product(*values)
            return [self.buckets[key] for key in keys if key in self.buckets]
        sets = [set(items) for items in values]
        if len(sets) == 1:
            return [bucket for key, bucket in self.buckets.items() if key in sets[0]]
        return [
            bucket
            for key, bucket in self.buckets.items()
            if all(part in items for part, items in zip(key, sets, strict=True))
        ]
