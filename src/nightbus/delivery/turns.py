"""May another delivery begin to a target that lies elsewhere? So few at once that one which hangs leaves room.

Those that may not come again about when it is their turn, by how long the target took lately.
"""

from __future__ import annotations

from dataclasses import dataclass, field

AT_ONCE = 16  # to one target
_SOONEST_MS, _LATEST_MS = 20, 30_000
_NEWEST_COUNTS = 0.2


@dataclass(slots=True)
class _Target:
    running: int = 0
    took_ms: float = 50.0
    waiting: set[int] = field(default_factory=set)


class Turns:
    def __init__(self) -> None:
        self._targets: dict[str, _Target] = {}

    def begin(self, arn: str, item: int, now_ms: int) -> int | None:
        """UTC ms at which the item is to come again; None where it may begin, after which `end` is to follow."""
        target = self._targets.setdefault(arn, _Target())
        target.waiting.discard(item)
        if target.running < AT_ONCE:
            target.running += 1
            return None
        target.waiting.add(item)
        turn = target.took_ms * len(target.waiting) / AT_ONCE
        return now_ms + int(min(max(turn, _SOONEST_MS), _LATEST_MS))

    def end(self, arn: str, took_ms: int) -> None:
        target = self._targets[arn]
        target.running -= 1
        target.took_ms += _NEWEST_COUNTS * (took_ms - target.took_ms)
        if not target.running and not target.waiting:
            del self._targets[arn]
