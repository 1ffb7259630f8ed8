"""Bounds the work that may wait: above the bound PutEvents is throttled, instead of being answered ever later.

Counted are events on their way into the store, and deliveries that nobody has begun, by the store's own figure; a
delivery that waits for its next attempt is not, since a target that is down must not stop its bus.
"""

from __future__ import annotations

from nightbus.delivery.rule_origin import QUEUE
from nightbus.store.interface import SYSTEM, Store

MOST_IN_COMMIT = 20_000
MOST_WAITING = 100_000


class Backlog:
    """`most_waiting` and `most_in_commit` are the bounds, in deliveries and in events."""

    def __init__(
        self, store: Store, most_waiting: int = MOST_WAITING, most_in_commit: int = MOST_IN_COMMIT
    ) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._most_in_commit = most_in_commit
        self._in_commit = 0

    @property
    def waiting(self) -> int:
        """Deliveries whose first attempt has not begun."""
        return self._store.untaken(SYSTEM, QUEUE)

    def admit(self, events: int) -> bool:
        """Whether these events may be taken; if so, `admitted` is to follow whatever becomes of them."""
        if self._in_commit + events > self._most_in_commit or self.waiting >= self._most_waiting:
            return False
        self._in_commit += events
        return True

    def admitted(self, events: int) -> None:
        self._in_commit -= events
