"""Which of many rules does an event match?

As fast with ten thousand rules as with one: plan.py says by which fields a branch of a rule is found,
groups.py finds it by the values that an event has there, and reader.py takes just these values from the
event's text. An event whose values lie in arrays is read as a whole, and each branch found is verified as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from nightbus.bus.index.groups import MISSING, Bucket, Entry, Group, PlainValues, ValueLists
from nightbus.bus.index.paths import Paths
from nightbus.bus.index.plan import Plan, plan
from nightbus.bus.index.reader import Read, few_reader, whole_reader
from nightbus.bus.patterns.fields import Leaves, leaves_at, leaves_of
from nightbus.bus.patterns.matching import branch_matches
from nightbus.bus.patterns.rule import Branch, Pattern

_order = attrgetter("order")


class RuleIndex:
    """Answers as `matches` would for each rule, in the order in which the rules were first added."""

    def __init__(self) -> None:
        self._rules: dict[str, tuple[int, list[tuple[Entry, Plan]]]] = {}
        self._names: dict[int, str] = {}  # by the rules' places
        self._added = 0
        self._paths = Paths()
        # By one path of each group, so that groups whose path an event lacks cost nothing.
        self._groups: dict[int, dict[tuple[int, ...], Group]] = {}
        self._others: Bucket | None = None  # what asks for no exact value
        self._read_few: Read | None = None
        self._read_whole = whole_reader()

    def add(self, name: str, pattern: Pattern) -> None:
        """A rule that is there already gets the new pattern and keeps its place."""
        if name in self._rules:
            order, entries = self._rules[name]
            self._take_out(entries)
        else:
            order = self._added
            self._added += 1
            self._names[order] = name
        self._rules[name] = order, [self._put_in(order, branch) for branch in pattern.branches]
        self._check_paths()

    def remove(self, name: str) -> None:
        if name in self._rules:
            order, entries = self._rules.pop(name)
            self._take_out(entries)
            del self._names[order]
            self._check_paths()

    def match_json(self, data: bytes) -> list[str]:
        """The same for the event whose JSON text this is: a valid object in UTF-8."""
        values = self._read_few(data) if self._read_few is not None else None
        if values is None:
            return self._match_whole(data)
        try:
            hash(values)
        except TypeError:  # arrays or objects are among them
            return self._match_leaves(self._leaves(values))
        return self._match_plain(values)

    def match(self, event: Mapping[str, Any]) -> list[str]:
        return self._match_leaves(leaves_of(event, self._paths.prefixes)) if self._rules else []

    def _match_whole(self, data: bytes) -> list[str]:
        if not self._rules:
            return []
        if self._paths.changed:
            self._make_readers()
            return self.match_json(data)
        return self.match(self._read_whole(data))

    def _match_plain(self, values: PlainValues) -> list[str]:
        found: set[Entry] = set()
        for slot, groups in self._groups.items():
            if values[slot] is not MISSING:
                for group in groups.values():
                    bucket = group.bucket(group.key(values))
                    if bucket is not None:
                        bucket.find(values, found)
        if self._others is not None:
            self._others.find(values, found)
        if len(found) < 2:
            # Mostly so: no lists are made for it.
            for entry in found:
                return [self._names[entry.order]] if not entry.checks or entry.holds(values) else []
            return []
        return self._in_order([entry for entry in found if not entry.checks or entry.holds(values)])

    def _match_leaves(self, leaves: Leaves) -> list[str]:
        lists = self._value_lists(leaves)
        found: set[Entry] = set()
        for slot in self._groups.keys() & lists.keys():
            for group in self._groups[slot].values():
                group.find_any(lists, found)
        if self._others is not None:
            self._others.find_any(lists, found)
        return self._in_order([entry for entry in found if branch_matches(entry.branch, leaves)])

    def _value_lists(self, leaves: Leaves) -> ValueLists:
        lists: dict[int, list[Any]] = {}
        for path, there in leaves.items():
            slot = self._paths.slots.get(path)
            if slot is not None:
                texts = {leaf.value for leaf in there if isinstance(leaf.value, str)}
                lists[slot] = [*texts, *(leaf.value for leaf in there if not isinstance(leaf.value, str))]
        return lists

    def _leaves(self, values: PlainValues) -> Leaves:
        there = [(path, values[slot]) for path, slot in self._paths.slots.items()]
        return leaves_at([pair for pair in there if pair[1] is not MISSING], self._paths.prefixes)

    def _in_order(self, matched: list[Entry]) -> list[str]:
        # Branches of one rule have the same place.
        return [self._names[order] for order in sorted(set(map(_order, matched)))]

    def _check_paths(self) -> None:
        if self._paths.changed:
            # Made again when the next event comes, so that many rules can be put at once.
            self._read_few = None

    def _make_readers(self) -> None:
        self._read_few = few_reader(self._paths.slots)
        self._paths.changed = False

    def _put_in(self, order: int, branch: Branch) -> tuple[Entry, Plan]:
        planned = plan(branch)
        slot_of = self._paths.take(branch)
        checks = tuple((slot_of[field.path], field) for field in planned.checked)
        entry = Entry(order, branch, checks)
        found_by = planned.found_by
        slot = slot_of[found_by.path] if found_by is not None else 0
        if not planned.exact:
            self._others = self._others or Bucket()
            self._others.add(entry, slot, found_by)
            return entry, planned
        group = self._group(planned.exact)
        for key in planned.keys:
            group.add(key, entry, slot, found_by)
        return entry, planned

    def _take_out(self, entries: list[tuple[Entry, Plan]]) -> None:
        for entry, planned in entries:
            found_by = planned.found_by
            slot = self._paths.slots[found_by.path] if found_by is not None else 0
            if planned.exact:
                group = self._group(planned.exact)
                for key in planned.keys:
                    group.remove(key, entry, slot, found_by)
                if not group:
                    self._forget(group)
            elif self._others is not None:
                self._others.remove(entry, slot, found_by)
                self._others = self._others or None
            self._paths.give_back(entry.branch)

    def _group(self, paths: tuple[str, ...]) -> Group:
        slots = tuple(self._paths.slots[path] for path in paths)
        groups = self._groups.setdefault(_found_at(slots, paths), {})
        group = groups.get(slots)
        if group is None:
            group = groups[slots] = Group(slots)
        return group

    def _forget(self, group: Group) -> None:
        for slot in group.slots:
            groups = self._groups.get(slot, {})
            if groups.pop(group.slots, None) is not None and not groups:
                del self._groups[slot]


def _found_at(slots: tuple[int, ...], paths: tuple[str, ...]) -> int:
    """Of a group's paths the deepest: an event is likely to lack it."""
    return max(zip(slots, paths, strict=True), key=lambda pair: (pair[1].count("."), pair[1]))[0]
