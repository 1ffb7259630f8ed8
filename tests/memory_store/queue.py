"""Keeps the items of one queue with their leases, and says which may be leased."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from nightbus.store.interface import Counts, Item, Lease, QueuedItem, QueueName

_TOKENS = itertools.count(1)


@dataclass
class MemoryItem:
    """`held`: somebody has it, or had it until `ends` and nobody looked since."""

    id: int
    data: bytes
    due: int
    group: str
    held: bool = False
    token: int = 0
    attempt: int = 0
    first: int = 0
    ends: int = 0


class MemoryQueue:
    def __init__(self, name: QueueName) -> None:
        self._name = name
        self.items: dict[int, MemoryItem] = {}

    def take(self, limit: int, now: int, lease_ms: int, by_group: bool) -> list[Item]:
        for item in self.items.values():
            if item.held and item.ends <= now:
                item.held = False
        offered = self._by_group(now) if by_group else self._by_due(now)
        return [self._lease(item, now, lease_ms) for item in itertools.islice(offered, limit)]

    def _lease(self, item: MemoryItem, now: int, lease_ms: int) -> Item:
        item.held, item.ends, item.token = True, now + lease_ms, next(_TOKENS)
        item.first = item.first if item.attempt else now
        item.attempt += 1
        return Item(item.id, item.data, item.due, item.attempt, self._name, item.token, item.first)

    def _by_due(self, now: int) -> list[MemoryItem]:
        free = [item for item in self.items.values() if not item.held and item.due <= now]
        return sorted(free, key=lambda item: (item.due, item.id))

    def _by_group(self, now: int) -> Iterator[MemoryItem]:
        groups: dict[str, list[MemoryItem]] = {}
        for item in sorted(self.items.values(), key=lambda one: one.id):
            groups.setdefault(item.group, []).append(item)
        free = [group for group in groups.values() if not any(item.held for item in group)]
        for group in free:
            yield from itertools.takewhile(lambda item: item.due <= now, group)

    def take_one(self, item_id: int, now: int, lease_ms: int, group: str | None) -> Item | None:
        for item in self.items.values():
            if item.held and item.ends <= now:
                item.held = False
        found = self.items.get(item_id)
        if found is None or found.held or found.due > now:
            return None
        if group is not None and any(one.held for one in self.items.values() if one.group == group):
            return None
        return self._lease(found, now, lease_ms)

    def peek(self, now: int) -> list[QueuedItem]:
        return [
            QueuedItem(
                one.id, one.data, one.due, one.group, one.attempt, one.first,
                one.ends if one.held and one.ends > now else 0,
            )
            for one in sorted(self.items.values(), key=lambda item: (item.due, item.id))
        ]  # fmt: skip

    def next_time(self) -> int | None:
        """When something may be offered that is not now."""
        return min((item.ends if item.held else item.due for item in self.items.values()), default=None)

    def lease_again(self, item_id: int, token: int, now: int, lease_ms: int) -> Item | None:
        item = self.items.get(item_id)
        if item is None or not item.held or item.ends <= now or item.token != token:
            return None
        return self._lease(item, now, lease_ms)

    def change_lease(self, item_id: int, ends: int, token: int | None) -> bool:
        item = self.items.get(item_id)
        if item is None or not item.held or token not in (None, item.token):
            return False
        item.ends = ends
        return True

    def newest_lease(self, item_id: int) -> Lease | None:
        item = self.items.get(item_id)
        if item is None or not item.attempt:
            return None
        return Lease(item.token, item.ends if item.held else 0, item.first)

    def count(self, now: int) -> Counts:
        leased = sum(item.held and item.ends > now for item in self.items.values())
        due = sum(item.due <= now for item in self.items.values())
        return Counts(max(0, due - leased), leased, len(self.items) - due)

    def oldest_due(self, now: int) -> int | None:
        return min((item.due for item in self.items.values() if item.due <= now), default=None)

    def untaken(self, now: int) -> int:
        return sum(not item.attempt and item.due <= now for item in self.items.values())
