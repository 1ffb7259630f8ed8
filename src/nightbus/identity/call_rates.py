"""Counts calls by account and region within a second, for operations that AWS admits a few times per second."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded

_MOST_KNOWN = 1024


class CallRates:
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
