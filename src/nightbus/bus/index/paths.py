"""Numbers the paths that the rules of an index use. A path keeps its number as long as a rule uses it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from heapq import heappop, heappush

from nightbus.bus.patterns.rule import Branch


class Paths:
    """The numbered paths. `changed` is set when a path is added or removed; the user of the paths resets it."""

    def __init__(self) -> None:
        self.slots: dict[str, int] = {}
        self.changed = False
        self._users: dict[str, int] = {}
        self._free: list[int] = []
        self._prefixes: dict[str, int] = {}

    @property
    def prefixes(self) -> Collection[str]:
        """Return the paths and all their prefixes."""
        return self._prefixes.keys()

    def take(self, branch: Branch) -> Mapping[str, int]:
        """Add the branch's paths, and return the numbers of all paths."""
        for field in branch:
            if field.path in self._users:
                self._users[field.path] += 1
            else:
                self._users[field.path] = 1
                self._come(field.path)
        return self.slots

    def give_back(self, branch: Branch) -> None:
        for field in branch:
            self._users[field.path] -= 1
            if not self._users[field.path]:
                del self._users[field.path]
                self._go(field.path)

    def _come(self, path: str) -> None:
        self.slots[path] = heappop(self._free) if self._free else len(self.slots)
        for prefix in _prefixes(path):
            self._prefixes[prefix] = self._prefixes.get(prefix, 0) + 1
        self.changed = True

    def _go(self, path: str) -> None:
        heappush(self._free, self.slots.pop(path))
        for prefix in _prefixes(path):
            self._prefixes[prefix] -= 1
            if not self._prefixes[prefix]:
                del self._prefixes[prefix]
        self.changed = True


def _prefixes(path: str) -> list[str]:
    names = path.split(".")
    return [".".join(names[: size + 1]) for size in range(len(names))]
