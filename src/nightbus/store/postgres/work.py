"""Says which queues and logs commits touched, as a node tells the others: by their numbers, in a short text.

Nothing depends on it: who waits for an item looks by itself after a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOST_NUMBERS = 300  # in one message: a notification of PostgreSQL has at most 8,000 bytes


@dataclass(frozen=True, slots=True)
class Work:
    """`offered`: queues in which something may be leased that could not be before. `settled`: other queues that an item
    left. `logs`: that an entry was appended to, or trimmed from."""

    offered: frozenset[int] = frozenset()
    settled: frozenset[int] = frozenset()
    logs: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.offered or self.settled or self.logs)

    def __or__(self, other: Work) -> Work:
        offered = self.offered | other.offered
        return Work(offered, (self.settled | other.settled) - offered, self.logs | other.logs)

    def text(self) -> str | None:
        """None where it is too much for one message."""
        if len(self.offered) + len(self.settled) + len(self.logs) > MOST_NUMBERS:
            return None
        return ";".join(",".join(map(str, sorted(some))) for some in (self.offered, self.settled, self.logs))

    @classmethod
    def parse(cls, text: str) -> Work:
        """Raises ValueError for what `text` did not make."""
        offered, settled, logs = text.split(";")
        return cls(*(frozenset(_numbers(some)) for some in (offered, settled, logs)))


NOTHING = Work()


def _numbers(text: str) -> Iterable[int]:
    return map(int, text.split(",")) if text else ()
