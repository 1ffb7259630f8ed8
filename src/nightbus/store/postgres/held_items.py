"""Remembers which items of its own work this node has leased: what `nightbus status` and an orderly stop ask for.

Kept in memory for queues of the node (scope SYSTEM) only. What it says of an item may be late: another node may have it
since its lease ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.store.interface import SYSTEM, Acknowledge, Change, GiveBack, Item, QueueName, TrimQueue

_MANY = 1_000  # from so many items of a queue on those whose leases ended are looked for


class HeldItems:
    def __init__(self) -> None:
        self._ends: dict[QueueName, dict[int, int]] = {}  # when each lease ends, UTC ms

    def taken(self, name: QueueName, items: Sequence[Item], ends: int, now: int) -> None:
        if name.scope != SYSTEM or not items:
            return
        held = self._ends.setdefault(name, {})
        if len(held) >= _MANY and len(held) % _MANY < len(items):
            self._drop_ended(held, now)
        for item in items:
            held[item.id] = ends

    def gone(self, name: QueueName, item: int) -> None:
        """Settled, or put off."""
        held = self._ends.get(name)
        if held is not None and held.pop(item, None) is not None and not held:
            del self._ends[name]

    def committed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if (type(change) is Acknowledge or type(change) is GiveBack) and change.scope == SYSTEM:
                self.gone(QueueName(change.scope, change.queue), change.item)
            elif type(change) is TrimQueue and change.before is None:
                self._ends.pop(QueueName(change.scope, change.queue), None)

    def forget(self) -> None:
        """The other nodes took this one for dead: it has nothing any more."""
        self._ends.clear()

    def extend(self, by_ms: int) -> None:
        for held in self._ends.values():
            for item in held:
                held[item] += by_ms

    def by_queue(self, now: int) -> dict[QueueName, int]:
        """How many items of each queue this node works on."""
        for name, held in list(self._ends.items()):
            self._drop_ended(held, now)
            if not held:
                del self._ends[name]
        return {name: len(held) for name, held in self._ends.items()}

    def __len__(self) -> int:
        return sum(map(len, self._ends.values()))

    def _drop_ended(self, held: dict[int, int], now: int) -> None:
        for item in [item for item, ends in held.items() if ends <= now]:
            del held[item]
