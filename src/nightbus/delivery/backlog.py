"""How much work may wait? Above a bound new events are refused for now, instead of answers that come ever later.

Counted are events on their way into the store, and deliveries that nobody has begun; a delivery that waits for its next
attempt is not, since a target that is down must not stop its bus.
"""

from __future__ import annotations

MOST_IN_COMMIT = 20_000
MOST_WAITING = 100_000


class Backlog:
    def __init__(self, most_waiting: int = MOST_WAITING, most_in_commit: int = MOST_IN_COMMIT) -> None:
        self._most_waiting = most_waiting
        self._most_in_commit = most_in_commit
        self._in_commit = 0
        self.waiting = 0

    def admit(self, events: int) -> bool:
        """Whether these events may be taken; if so, `admitted` is to follow whatever becomes of them."""
        if self.waiting >= self._most_waiting or self._in_commit + events > self._most_in_commit:
            return False
        self._in_commit += events
        return True

    def admitted(self, events: int) -> None:
        self._in_commit -= events

    def counted(self, deliveries: int) -> None:
        """So many wait in the store, those from before a restart included."""
        self.waiting = deliveries

    def queued(self, deliveries: int) -> None:
        self.waiting += deliveries

    def begun(self) -> None:
        """A delivery's first attempt begins."""
        self.waiting = max(0, self.waiting - 1)
