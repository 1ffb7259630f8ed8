"""Lists the values of an event by path, each with the elements of arrays that contain it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# The elements of arrays that contain a value, the outermost first: (number of the array in the event, index).
Elements = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    value: Any
    elements: Elements = ()


Leaves = dict[str, list[Leaf]]


def leaves_of(event: Mapping[str, Any], prefixes: Collection[str] | None = None) -> Leaves:
    """Return strings, numbers, booleans and nulls by path. `prefixes` limits them to these paths; None is no limit.

    A scalar of an array does not count as contained in an element; the contents of its objects and arrays do.
    """
    return leaves_at(
        [(name, value) for name, value in event.items() if prefixes is None or name in prefixes], prefixes
    )


def leaves_at(values: Iterable[tuple[str, Any]], prefixes: Collection[str] | None = None) -> Leaves:
    """Return the same for given values of an event, each with its path."""
    leaves: Leaves = {}
    arrays = 0
    rest: list[tuple[str, Any, Elements]] = [(path, value, ()) for path, value in values]
    for path, value, elements in rest:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                inner_path = f"{path}.{name}"
                if prefixes is None or inner_path in prefixes:
                    rest.append((inner_path, inner, elements))
        elif isinstance(value, (list, tuple)):
            arrays += 1
            for index, inner in enumerate(value):
                nested = isinstance(inner, (Mapping, list, tuple))
                rest.append((path, inner, (*elements, (arrays, index)) if nested else elements))
        else:
            leaves.setdefault(path, []).append(Leaf(value, elements))
    return leaves
