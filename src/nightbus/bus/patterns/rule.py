"""Defines the parsed pattern: a list of branches, `$or` multiplied out, each with fields that must all match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nightbus.bus.patterns.matchers import Absent, AnythingButMatching, Matcher, Wildcard


@dataclass(frozen=True, slots=True)
class Field:
    """A path, with its names joined by dots, and matchers, one of which must accept a value at the path."""

    path: str
    matchers: tuple[Matcher, ...]
    may_be_absent: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "may_be_absent", any(isinstance(item, Absent) for item in self.matchers))

    def accepts(self, value: object) -> bool:
        return any(matcher.accepts(value) for matcher in self.matchers)


Branch = tuple[Field, ...]  # sorted by path


@dataclass(frozen=True, slots=True)
class Pattern:
    """A valid event pattern. `prefixes` are the paths of its fields and all their prefixes."""

    text: str
    branches: tuple[Branch, ...]
    prefixes: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        paths = {item.path for branch in self.branches for item in branch}
        object.__setattr__(self, "prefixes", frozenset(_prefixes(paths)))

    def has_wildcards(self) -> bool:
        return any(
            isinstance(one, Wildcard)
            or (isinstance(one, AnythingButMatching) and any(isinstance(it, Wildcard) for it in one.excluded))
            for branch in self.branches
            for item in branch
            for one in item.matchers
        )


def _prefixes(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        end = -1
        while (end := path.find(".", end + 1)) >= 0:
            yield path[:end]
        yield path
