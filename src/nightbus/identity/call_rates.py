"""Counts calls by account and region within a second, for operations that AWS admits a few times per second.

Where several nodes share a store, an operation that AWS limits holds a slot for a second (`SharedSlots`).
"""

from __future__ import annotations

import asyncio

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded
from nightbus.store.shared_limits import SharedSlots

_MOST_KNOWN = 1024
_SECONDS = 1.0


class CallRates:
    """`slots`: what `admit_everywhere` counts by where several nodes share a store; None where this node is alone."""

    slots: SharedSlots | None = None

    def __init__(self) -> None:
        self._counts: Bounded[Scope, tuple[int, int]] = Bounded(_MOST_KNOWN)

    def in_memory(self) -> dict[str, int]:
        return {"rates of calls": len(self._counts)}

    def admit(self, scope: Scope, per_second: int, now_ms: int) -> bool:
        """Count a call, and return whether it is among the first `per_second` ones of the present second."""
        second, count = self._counts.get(scope, (0, 0))
        if second != now_ms // 1000:
            second, count = now_ms // 1000, 0
        self._counts[scope] = (second, count + 1)
        return count < per_second

    async def admit_everywhere(self, operation: str, scope: Scope, per_second: int, now_ms: int) -> bool:
        """As `admit`, of the calls of all nodes together. Raises StoreUnavailable."""
        if not self.admit(scope, per_second, now_ms):
            return False
        if self.slots is None:
            return True
        name = f"calls of {operation} {scope.account} {scope.region}"
        if not await self.slots.take(name, per_second):
            return False
        asyncio.get_running_loop().call_later(_SECONDS, self.slots.give_back, name)
        return True
