"""Orders the items of one queue, and remembers who has leased which of them until when.

The rows in the database are the truth; here is only what has been looked at. `ByDue` knows nothing beyond a cursor
over (due, id), so that a queue of a million items costs no memory. `ByGroup` holds the ids of all items, since
whether one is offered depends on those of its group before it. Leases live in memory: after a crash every item that
was not acknowledged is offered again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from nightbus.store.interface import Item, Lease, QueueName

Position = tuple[int, int]  # (due, id)
FIRST: Position = (-(2**63), -1)
_MOST_MOVED = 1_000  # first items of groups that become due at one moment are looked at by so many at a time


class Row(NamedTuple):
    id: int
    due: int
    data: bytes


class Held(NamedTuple):
    ends: int  # UTC ms at which the lease does
    due: int
    group: str
    put_off: bool = False  # the holder does not work on the item, which waits for the end of the lease


class Rows(Protocol):
    """The rows of one queue, as they are committed."""

    def after(self, position: Position, due_until: int, limit: int) -> list[Row]:
        """In order of (due, id), beyond `place`, with due <= `due_until`."""
        ...

    def next_due(self, position: Position) -> int | None:
        """When the first row beyond `place` is due."""
        ...

    def find(self, item: int) -> Row | None: ...

    def all(self) -> Iterable[tuple[int, int, str]]:
        """(id, due, group) of every row in order of id."""
        ...


class Leases:
    """The leases of the items of one queue, and how often each item was leased.

    The token of a lease is the number of the lease of its item, counted from `first_token`: which is another one each
    time the store is opened, since the leases before a restart are forgotten.
    """

    def __init__(self, queue: QueueName, first_token: int) -> None:
        self._queue = queue
        self._first_token = first_token
        self.held: dict[int, Held] = {}
        self._taken: dict[
            int, tuple[int, int]
        ] = {}  # how often each item was leased, and when first (UTC ms)
        self._ends: list[
            tuple[int, int]
        ] = []  # a heap of (ends, id); entries that no longer hold are passed over

    def take(self, row: Row, group: str, now: int, lease_ms: int) -> Item:
        earlier, first = self._taken.get(row.id, (0, now))
        attempt = earlier + 1
        self._taken[row.id] = (attempt, first)
        self.hold(row.id, Held(now + lease_ms, row.due, group))
        return Item(row.id, row.data, row.due, attempt, self._queue, self._first_token + attempt, first)

    def hold(self, item: int, held: Held) -> None:
        self.held[item] = held
        heapq.heappush(self._ends, (held.ends, item))

    def release(self, item: int) -> Held | None:
        return self.held.pop(item, None)

    def forget(self, item: int) -> Held | None:
        self._taken.pop(item, None)
        return self.held.pop(item, None)

    def change(self, item: int, ends: int, token: int | None, *, renewed: bool = False) -> bool:
        """Whether somebody has the item, by the lease of `token` where one is given; until `ends` then."""
        held = self.held.get(item)
        if held is None or (token is not None and token != self.newest_token(item)):
            return False
        self.hold(item, held._replace(ends=ends, put_off=not renewed))
        return True

    def worked_on(self, now: int) -> int:
        """How many items somebody has and has not put off."""
        return sum(held.ends > now and not held.put_off for held in self.held.values())

    def extend(self, by_ms: int) -> None:
        """The leases of items that are worked on end so much later."""
        for item, held in list(self.held.items()):
            if not held.put_off:
                self.hold(item, held._replace(ends=held.ends + by_ms))

    def newest(self, item: int) -> Lease | None:
        """The newest lease of the item, whether it has ended or not; None for none."""
        taken = self._taken.get(item)
        if taken is None:
            return None
        attempt, first = taken
        held = self.held.get(item)
        return Lease(self._first_token + attempt, 0 if held is None else held.ends, first)

    def newest_token(self, item: int) -> int:
        """0 for an item that was not leased."""
        taken = self._taken.get(item)
        return 0 if taken is None else self._first_token + taken[0]

    def attempts(self, item: int) -> tuple[int, int]:
        """How often the item was leased, and when first (UTC ms)."""
        return self._taken.get(item, (0, 0))

    @property
    def counted(self) -> int:
        """The number of items whose attempts are counted."""
        return len(self._taken)

    def due_before(self, due: int) -> list[int]:
        """The items that somebody has and that were due before."""
        return [item for item, held in self.held.items() if held.due < due]

    def expired(self, now: int) -> list[tuple[int, Held]]:
        """Release those whose lease has ended."""
        ended = []
        while self._ends and self._ends[0][0] <= now:
            ends, item = heapq.heappop(self._ends)
            held = self.held.get(item)
            if held is not None and held.ends == ends:
                del self.held[item]
                ended.append((item, held))
        return ended

    def next_end(self) -> int | None:
        while self._ends:
            ends, item = self._ends[0]
            held = self.held.get(item)
            if held is not None and held.ends == ends:
                return ends
            heapq.heappop(self._ends)
        return None


class ByDue:
    """Offered by (due, id). What lies up to the cursor is leased, gone, or in `_back`; the rest is in the rows."""

    def __init__(self, rows: Rows, leases: Leases) -> None:
        self.rows = rows
        self.leases = leases
        self._cursor = FIRST
        self._back: list[Position] = []  # a heap of what was seen and is free again

    def take(self, limit: int, now: int, lease_ms: int) -> list[Item]:
        for item, held in self.leases.expired(now):
            heapq.heappush(self._back, (held.due, item))
        taken: list[Item] = []
        while len(taken) < limit and self._back and self._back[0][0] <= now:
            due, item = heapq.heappop(self._back)
            if item in self.leases.held:
                continue
            row = self.rows.find(item)
            if row is None:
                self.leases.forget(item)
                continue
            if row.due == due:
                taken.append(self.leases.take(row, "", now, lease_ms))
            elif (row.due, item) <= self._cursor:  # given back after its lease had ended
                heapq.heappush(self._back, (row.due, item))
        while len(taken) < limit:
            missing = limit - len(taken)
            rows = self.rows.after(self._cursor, now, missing)
            for row in rows:
                self._cursor = (row.due, row.id)
                if row.id not in self.leases.held:
                    taken.append(self.leases.take(row, "", now, lease_ms))
            if len(rows) < missing:
                break
        return taken

    def take_one(self, item: int, group: str, now: int, lease_ms: int) -> Item | None:
        """Out of its turn. The cursor passes over it later, since it is leased or gone then, or free in `_back`."""
        for ended, held in self.leases.expired(now):
            heapq.heappush(self._back, (held.due, ended))
        row = None if item in self.leases.held else self.rows.find(item)
        return None if row is None or row.due > now else self.leases.take(row, group, now, lease_ms)

    def next_time(self) -> int | None:
        """When something may be offered that is not now."""
        times = [self.leases.next_end(), self.rows.next_due(self._cursor)]
        if self._back:
            times.append(self._back[0][0])
        return min((time for time in times if time is not None), default=None)

    def added(self, item: int, due: int, group: str) -> None:
        if (due, item) <= self._cursor and item not in self.leases.held:
            heapq.heappush(self._back, (due, item))

    def done(self, item: int) -> None:
        self.leases.forget(item)

    def trimmed(self, before: int) -> None:
        """The rows of what was due before that are gone."""
        gone = self.leases.due_before(before)
        gone += [item for due, item in self._back if due < before]
        for item in gone:
            self.leases.forget(item)
        self._back = [position for position in self._back if position[0] >= before]
        heapq.heapify(self._back)

    def given_back(self, item: int, due: int) -> None:
        self.leases.release(item)
        if (due, item) <= self._cursor:
            heapq.heappush(self._back, (due, item))


class ByGroup:
    """Offered by id; while items of a group are leased, no other lease gets one of that group."""

    def __init__(
        self, rows: Rows, leases: Leases, groups: dict[str, list[Position]] | None = None, now: int = 0
    ) -> None:
        """`groups` is what `groups_of` gives, where it was read beforehand, in a thread; `now` is UTC ms."""
        self.rows = rows
        self.leases = leases
        self._free: dict[str, list[Position]] = {}  # per group a heap of (id, due)
        self._leased: dict[str, int] = {}  # per locked group how many of it are leased
        # Heaps of the first items of groups that nobody has; some are out of date, and are passed over in their turn.
        self._heads: list[tuple[int, str]] = []  # by id: those that were due when they were looked at
        self._later: list[
            tuple[int, int, str]
        ] = []  # by due time, then id: those that were not looked at since
        self._read_to = -1
        for group, positions in groups_of(rows).items() if groups is None else groups.items():
            self._free[group] = positions  # in order of id, and so a heap
            head, due = positions[0]
            if due <= now:
                self._heads.append((head, group))
            else:
                self._later.append((due, head, group))
            self._read_to = max(self._read_to, positions[-1][0])
        heapq.heapify(self._heads)
        heapq.heapify(self._later)

    def take(self, limit: int, now: int, lease_ms: int) -> list[Item]:
        for item, held in self.leases.expired(now):
            self._free_again(item, held.due, held.group)
        for _ in range(max(limit, _MOST_MOVED)):
            if not self._later or self._later[0][0] > now:
                break
            _, head, group = heapq.heappop(self._later)
            heapq.heappush(self._heads, (head, group))
        taken: list[Item] = []
        while self._heads and len(taken) < limit:
            head, group = heapq.heappop(self._heads)
            free = self._free.get(group)
            if not free or group in self._leased or free[0][0] != head:
                continue
            if free[0][1] > now:  # the clock was set back
                heapq.heappush(self._later, (free[0][1], head, group))
                continue
            self._take_group(group, free, limit, now, lease_ms, taken)
        return taken

    def _take_group(
        self, group: str, free: list[Position], limit: int, now: int, lease_ms: int, taken: list[Item]
    ) -> None:
        while free and len(taken) < limit and free[0][1] <= now:
            item, _ = heapq.heappop(free)
            row = self.rows.find(item)
            if row is None:
                self.leases.forget(item)
            else:
                taken.append(self.leases.take(row, group, now, lease_ms))
                self._leased[group] = self._leased.get(group, 0) + 1
        if group not in self._leased:
            self._offer(group)

    def take_one(self, item: int, group: str, now: int, lease_ms: int) -> Item | None:
        """Out of its turn; None while somebody has another one of the group."""
        for ended, held in self.leases.expired(now):
            self._free_again(ended, held.due, held.group)
        free = self._free.get(group, [])
        position = next((one for one in free if one[0] == item), None)
        if position is None or position[1] > now or group in self._leased:
            return None
        row = self.rows.find(item)
        if row is None:
            return None
        free.remove(position)
        heapq.heapify(free)
        self._leased[group] = 1
        return self.leases.take(row, group, now, lease_ms)

    def next_time(self) -> int | None:
        end, due = self.leases.next_end(), self._next_due()
        return due if end is None else end if due is None else min(end, due)

    def _next_due(self) -> int | None:
        """When the next first item of a group is due, among the groups of which no item is leased."""
        while self._later:
            due, head, group = self._later[0]
            free = self._free.get(group)
            if free and group not in self._leased and free[0] == (head, due):
                break
            heapq.heappop(self._later)
        times = [self._later[0][0]] if self._later else []
        times += [self._free[group][0][1] for _, group in self._heads[:1] if self._free.get(group)]
        return min(times, default=None)

    def added(self, item: int, due: int, group: str) -> None:
        if item <= self._read_to:
            return
        free = self._free.setdefault(group, [])
        heapq.heappush(free, (item, due))
        if group not in self._leased and free[0][0] == item:
            self._offer(group)

    def done(self, item: int) -> None:
        held = self.leases.forget(item)
        if held is not None:
            self._unlock(held.group)

    def trimmed(self, before: int) -> None:
        """The rows of what was due before that are gone. The free ones are passed over when it is their turn."""
        for item in self.leases.due_before(before):
            self.done(item)

    def given_back(self, item: int, due: int) -> None:
        held = self.leases.release(item)
        if held is not None:
            self._free_again(item, due, held.group)

    def _free_again(self, item: int, due: int, group: str) -> None:
        heapq.heappush(self._free.setdefault(group, []), (item, due))
        self._unlock(group)

    def _unlock(self, group: str) -> None:
        left = self._leased.get(group, 0) - 1
        if left > 0:
            self._leased[group] = left
            return
        self._leased.pop(group, None)
        self._offer(group)

    def _offer(self, group: str) -> None:
        free = self._free.get(group)
        if free:
            head, due = free[0]
            heapq.heappush(self._later, (due, head, group))
        else:
            self._free.pop(group, None)


def groups_of(rows: Rows) -> dict[str, list[Position]]:
    """(id, due) of every row, in order of id, by group."""
    groups: dict[str, list[Position]] = {}
    for item, due, group in rows.all():
        positions = groups.get(group)
        if positions is None:
            groups[group] = [(item, due)]
        else:
            positions.append((item, due))
    return groups


Order = ByDue | ByGroup
