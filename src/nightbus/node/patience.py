"""Ends connections whose client does not go on with its request, since each of them takes a descriptor of the node.

uvicorn waits for ever for the rest of a request, and for the first one. Here the first byte of a connection, and then
each head, has to come whole within a time; of a body, something has to come within it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SECONDS = 60.0


class Patience:
    """Of one connection. `waits` says whether the node itself lets the client wait; `give_up` closes the connection.

    The protocol tells the parser's progress by the attributes `incomplete` (a request has not come whole) and
    `in_head`, and calls `heard` after each read.
    """

    __slots__ = ("_give_up", "_loop", "_seconds", "_since", "_timer", "_waits", "in_head", "incomplete")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        waits: Callable[[], bool],
        give_up: Callable[[], None],
        seconds: float,
    ) -> None:
        self._loop = loop
        self._waits = waits
        self._give_up = give_up
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.in_head = self.incomplete = True
        self.heard()

    def heard(self) -> None:
        """Note that the client sent something."""
        if not self.incomplete:
            self.end()
        elif self._timer is None:
            self._since = self._loop.time()
            self._timer = self._loop.call_later(self._seconds, self._look)
        elif not self.in_head:
            self._since = self._loop.time()

    def end(self) -> None:
        """Wait for nothing, as long as nothing is heard."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        left = self._since + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        elif self._waits():
            self._timer = self._loop.call_later(self._seconds, self._look)
        else:
            self._timer = None
            self._give_up()
