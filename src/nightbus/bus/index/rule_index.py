"""Finds the rules that an event matches, as fast among ten thousand rules as among a few.

A rule's pattern has branches, one of which must match; a branch has fields, all of which must match. `plan` decides
which fields find a branch, `groups` finds it by the event's values at these fields, `field` by one more field, and
`reader` decodes only the values at the rules' paths from the event's text. `bus.patterns` defines what a pattern means.

How an event is matched
-----------------------
event                                     values                       a candidate is accepted when
plain: no array and no object stands      a tuple by slot, one value   the fields in `checks` accept their values
at a path of the rules                    at most for each path
any other; also one whose text the        lists of values by slot,     `branch_matches` accepts the whole event
reader of few paths does not take         and all leaves

A slot is the number of a path. Each branch is in one group, that of the paths at which it requires exact values, under
each combination of these values (at most 64); a branch without exact values is in `_others`. Its bucket finds it by
`found_by`, the most selective of its other fields, if it has any. Each group is looked up once for an event that has a
value at the deepest of the group's paths. So the cost grows with the number of different sets of paths, and not with
the number of rules.

Invariants
----------
1. The index never misses: each branch that matches is among the candidates. An exact field accepts only the values that
   are keys, and none of its matchers accepts absence, so a group may be skipped if the event lacks one of its paths.
   `FieldIndex` finds at least the fields whose `accepts` is true, and fields that accept absence are found by absence.
2. For a plain event the exact values and `found_by` of a candidate match; `checks` has the remaining fields. Numbers,
   booleans and null are in `checks` although they are keys, since True, 1 and 1.0 are the same key of a dictionary.
3. For any other event a candidate may not match: the lists do not say which values are in the same element of an array,
   so the whole branch is evaluated (`bus.patterns.matching`).
4. A branch is removed by the plan that added it, and before its paths are released. An empty group is removed then.
   Slots are reused, so a group that stayed would read the values of another path.
5. The readers are made for the slots of a certain time. A path that is added or removed discards them
   (`Paths.changed`), and the next event makes new ones.
6. A branch may be found by several keys and tables, and several branches of a rule may match: candidates are a set, and
   the rules' numbers (`order`) are made unique before they become names.

What would break them: a matcher in `plan._exact_values` that accepts more than its value, or absence; a new kind of
matcher without a line in `field.TABLES` and `plan.CHOOSINESS`; a table that finds too few fields or, for plain events,
too many. tests/unit/bus/test_rule_index_flat.py compares the index with the plain evaluator on random rules and events.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from nightbus.bus.index.groups import MISSING, Bucket, Group, GroupEntry, PlainValues, ValueLists
from nightbus.bus.index.paths import Paths
from nightbus.bus.index.plan import Plan, plan
from nightbus.bus.index.reader import Read, few_reader, whole_reader
from nightbus.bus.patterns.fields import Leaves, leaves_at, leaves_of
from nightbus.bus.patterns.matching import branch_matches
from nightbus.bus.patterns.rule import Branch, Pattern

_order = attrgetter("order")


class RuleIndex:
    """The index over all rules of a bus. Its results equal those of `matches` for each rule, in the order of adding."""

    def __init__(self) -> None:
        self._rules: dict[str, tuple[int, list[tuple[GroupEntry, Plan]]]] = {}
        self._names: dict[int, str] = {}  # by the rules' numbers
        self._added = 0
        self._paths = Paths()
        # Groups by one of their paths, so that groups whose path an event lacks cost nothing.
        self._groups: dict[int, dict[tuple[int, ...], Group]] = {}
        self._others: Bucket | None = None  # branches without exact values
        self._read_few: Read | None = None
        self._read_whole = whole_reader()

    def add(self, name: str, pattern: Pattern) -> None:
        """Add a rule, or replace the pattern of the rule with the name, which keeps its number."""
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
        """Remove a rule. Does nothing if there is no such rule."""
        if name in self._rules:
            order, entries = self._rules.pop(name)
            self._take_out(entries)
            del self._names[order]
            self._check_paths()

    def match_json(self, data: bytes) -> list[str]:
        """Return the names of the matching rules, in their order. `data` is an event's valid JSON object in UTF-8."""
        values = self._read_few(data) if self._read_few is not None else None
        if values is None:
            return self._match_whole(data)
        try:
            hash(values)
        except TypeError:  # some of the values are arrays or objects
            return self._match_leaves(self._leaves(values))
        return self._match_plain(values)

    def match(self, event: Mapping[str, Any]) -> list[str]:
        """Return the names of the matching rules for a parsed event."""
        return self._match_leaves(leaves_of(event, self._paths.prefixes)) if self._rules else []

    def _match_whole(self, data: bytes) -> list[str]:
        if not self._rules:
            return []
        if self._paths.changed:
            self._make_readers()
            return self.match_json(data)
        return self.match(self._read_whole(data))

    def _match_plain(self, values: PlainValues) -> list[str]:
        candidates: set[GroupEntry] = set()
        for slot, groups in self._groups.items():
            if values[slot] is not MISSING:
                for group in groups.values():
                    bucket = group.bucket(group.key(values))
                    if bucket is not None:
                        bucket.find(values, candidates)
        if self._others is not None:
            self._others.find(values, candidates)
        if len(candidates) < 2:
            # Most events are plain, and need no lists.
            for entry in candidates:
                return [self._names[entry.order]] if not entry.checks or entry.holds(values) else []
            return []
        return self._in_order([entry for entry in candidates if not entry.checks or entry.holds(values)])

    def _match_leaves(self, leaves: Leaves) -> list[str]:
        lists = self._value_lists(leaves)
        candidates: set[GroupEntry] = set()
        for slot in self._groups.keys() & lists.keys():
            for group in self._groups[slot].values():
                group.find_any(lists, candidates)
        if self._others is not None:
            self._others.find_any(lists, candidates)
        return self._in_order([entry for entry in candidates if branch_matches(entry.branch, leaves)])

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

    def _in_order(self, matched: list[GroupEntry]) -> list[str]:
        # Branches of one rule have the same number.
        return [self._names[order] for order in sorted(set(map(_order, matched)))]

    def _check_paths(self) -> None:
        if self._paths.changed:
            # The next event makes them, so that adding many rules makes them once.
            self._read_few = None

    def _make_readers(self) -> None:
        self._read_few = few_reader(self._paths.slots)
        self._paths.changed = False

    def _put_in(self, order: int, branch: Branch) -> tuple[GroupEntry, Plan]:
        planned = plan(branch)
        slot_of = self._paths.take(branch)
        checks = tuple((slot_of[field.path], field) for field in planned.checked)
        entry = GroupEntry(order, branch, checks)
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

    def _take_out(self, entries: list[tuple[GroupEntry, Plan]]) -> None:
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
    """Return the slot of the group's deepest path, which an event most probably lacks."""
    return max(zip(slots, paths, strict=True), key=lambda pair: (pair[1].count("."), pair[1]))[0]
