"""Defines how nodes that share a store keep limits together: how many at a time, and how many in a second.

A node that has its store to itself counts in memory, and has neither.
"""

from __future__ import annotations

from typing import Protocol


class SharedSlots(Protocol):
    """Slots of limits that hold over several nodes together."""

    async def take(self, name: str, most: int) -> bool:
        """One of the `most` slots of a limit, until it is given back; False where all are used.

        Raises StoreUnavailable."""
        ...

    def give_back(self, name: str) -> None: ...


class SharedRates(Protocol):
    """The moments at which requests to endpoints may be made, spread evenly over time for all nodes together."""

    async def moment(self, endpoint: str, rate: int, who: str, now_ms: int) -> int | None:
        """UTC ms at which `who` is to come again, at this node or another one; None when they may go now. `rate` is in
        requests per second. Raises StoreUnavailable."""
        ...
