"""Is the time of a test's node: it stands still until a test lets it pass."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nightbus.testing.durations import Duration, milliseconds

if TYPE_CHECKING:
    from nightbus.testing.interface import ControlledNode


class NodeClock:
    """The clock of the whole node: all accounts have it."""

    def __init__(self, node: ControlledNode) -> None:
        self._node = node

    def now(self) -> datetime:
        """Return the node's time, in UTC. It is the real one when the node starts."""
        return datetime.fromtimestamp(self._node.now_ms / 1000, UTC)

    def advance(self, duration: Duration, *, timeout: float = 30.0) -> None:
        """Let so much time pass: "24h", a timedelta, or seconds. What becomes due on the way happens in order, each at
        its time, with all that follows from it.

        `timeout`: seconds of real time that each step may take. Raises NotSettled, ValueError.
        """
        self._node.advance(milliseconds(duration), timeout)
