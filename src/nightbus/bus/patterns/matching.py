"""Decides whether an event matches a pattern.

A branch matches if each field accepts a value, and these values are in the same element of every array that they share.
Fields are evaluated in the order of their paths, as on AWS: an absent field must be absent from the elements chosen so
far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nightbus.bus.patterns.fields import Elements, Leaves, leaves_of
from nightbus.bus.patterns.rule import Branch, Field, Pattern

Choice = frozenset[
    tuple[int, int]
]  # (array, index) of the element chosen in each array that later fields use
Tree = dict[int, dict[int, "Tree"]]  # array → index → arrays inside; an empty tree ends a path


def matches(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    leaves = leaves_of(event, pattern.prefixes)
    return any(branch_matches(branch, leaves) for branch in pattern.branches)


def branch_matches(branch: Branch, leaves: Leaves) -> bool:
    accepted: list[set[Elements]] = []
    in_arrays = False
    for item in branch:
        there = leaves.get(item.path, ())
        good = {leaf.elements for leaf in there if item.accepts(leaf.value)}
        if not good and not item.may_be_absent:
            return False
        accepted.append(good)
        in_arrays = in_arrays or any(leaf.elements for leaf in there)
    if in_arrays:
        plainly = _share_an_element(branch, accepted)
        return bool(_choices(branch, accepted, leaves)) if plainly is None else plainly
    return all(good or item.path not in leaves for item, good in zip(branch, accepted, strict=True))


def _share_an_element(branch: Branch, accepted: Sequence[set[Elements]]) -> bool | None:
    """Decide without a search if all fields have values, and one element has them all or there is only one array.

    Returns None if a search is necessary.
    """
    if any(item.may_be_absent for item in branch):
        return None
    if set.intersection(*accepted):
        return True
    arrays = {elements[0][0] if len(elements) == 1 else None for good in accepted for elements in good}
    return False if len(arrays) == 1 and None not in arrays else None


def _choices(branch: Branch, accepted: Sequence[set[Elements]], leaves: Leaves) -> set[Choice]:
    """Return all choices of elements for the whole branch, each without the arrays that no later field uses."""
    later = _arrays_from(branch, leaves)
    choices: set[Choice] = {frozenset()}
    bound: set[int] = set()
    for item, good, needed in zip(branch, accepted, later, strict=True):
        chosen = _choose(choices, good, bound | needed, needed)
        if item.may_be_absent:
            tree = _tree((leaf.elements for leaf in leaves.get(item.path, ())), bound)
            there = bool(leaves.get(item.path))
            chosen |= {
                _only(choice, needed) for choice in choices if not (there and _holds(tree, dict(choice)))
            }
        choices = chosen
        bound = (bound | {array for elements in good for array, _ in elements}) & needed
        if not choices:
            break
    return choices


def _arrays_from(branch: Sequence[Field], leaves: Leaves) -> list[set[int]]:
    """Return for each field the arrays in which later fields have values."""
    needed: set[int] = set()
    result = []
    for item in reversed(branch):
        result.append(set(needed))
        needed.update(array for leaf in leaves.get(item.path, ()) for array, _ in leaf.elements)
    return result[::-1]


def _choose(
    choices: Iterable[Choice], good: set[Elements], relevant: set[int], needed: set[int]
) -> set[Choice]:
    if not good:
        return set()
    tree = _tree(good, relevant)
    chosen: set[Choice] = set()
    for choice in choices:
        chosen.update(_only(elements, needed) for elements in _extensions(tree, dict(choice)))
    return chosen


def _tree(places: Iterable[Elements], relevant: set[int]) -> Tree:
    """Return the elements as a tree by array and index, the outermost first, so that a choice is looked up."""
    root: Tree = {}
    for elements in places:
        node = root
        for array, index in elements:
            if array in relevant:
                node = node.setdefault(array, {}).setdefault(index, {})
        node.setdefault(END, {})
    return root


END = 0  # no array has this number; it marks the end of a path of elements


def _extensions(tree: Tree, choice: Mapping[int, int]) -> Iterable[Choice]:
    rest: list[tuple[Tree, Elements]] = [(tree, tuple(choice.items()))]
    while rest:
        node, elements = rest.pop()
        for array, by_index in node.items():
            if array == END:
                yield frozenset(elements)
            elif array in choice:
                if choice[array] in by_index:
                    rest.append((by_index[choice[array]], elements))
            else:
                rest += [(below, (*elements, (array, index))) for index, below in by_index.items()]


def _holds(tree: Tree, choice: Mapping[int, int]) -> bool:
    return next(iter(_extensions(tree, choice)), None) is not None


def _only(elements: Iterable[tuple[int, int]], arrays: set[int]) -> Choice:
    return frozenset(pair for pair in elements if pair[0] in arrays)
