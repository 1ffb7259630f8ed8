"""Explains why an event did not match a rule, and how close it was to matching."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from nightbus.bus.json_text import write_json
from nightbus.bus.patterns import matchers as kinds
from nightbus.bus.patterns.fields import Leaf, Leaves, leaves_of
from nightbus.bus.patterns.matching import branch_matches
from nightbus.bus.patterns.nearness import GENERAL, LIKELY, POSSIBLE, SIMILAR, Remark, remark
from nightbus.bus.patterns.rule import Branch, Field, Pattern

# The most values of a list that an explanation shows.
MOST_VALUES = 20
# With more fields than this, the event is not searched for the rule's value or a similar name.
MOST_FIELDS = 2_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """The first field that did not match: the event's values, the JSON that the rule would accept, and a sentence.

    `distance` sorts rules by how close they were: by the number of fields that did not match, then by how unlikely it
    is that the difference is a mistake.
    """

    path: str
    actual: tuple[Any, ...]
    wanted: tuple[str, ...]
    hint: str
    distance: tuple[int, int]


def explain(pattern: Pattern, event: Mapping[str, Any], leaves: Leaves | None = None) -> Explanation | None:
    """Return the explanation, None if the event matches. For a rule with `$or` it is that of the closest branch.

    `leaves`: those of the event, where they are known; by default they are looked for.
    """
    if leaves is None:
        leaves = leaves_of(event)
    if any(branch_matches(branch, leaves) for branch in pattern.branches):
        return None
    best: tuple[tuple[int, int, int], Field, str] | None = None
    for branch in pattern.branches:
        failing = sorted((item for item in branch if not is_satisfied(item, leaves)), key=_order)
        if failing:
            first, about = failing[0], _hint(failing[0], leaves, event)
        else:
            first, about = _split_over_elements(branch, leaves)
        rank = (len(failing), -about.weight, -len(branch))
        if best is None or rank < best[0]:
            best = (rank, first, about.text)
    if best is None:
        return None
    rank, item, hint = best
    values = tuple(leaf.value for leaf in leaves.get(item.path, ())[:MOST_VALUES])
    return Explanation(
        item.path, values, tuple(write_json(one.written()) for one in item.matchers), hint, rank[:2]
    )


def reason_fields(reason: Explanation) -> dict[str, Any]:
    """Return the explanation as JSON. `why` has all of it in a sentence."""
    expected = ", ".join(reason.wanted)
    had = ", ".join(write_json(value) for value in reason.actual) or "nothing"
    return {
        "matched": False,
        "why": f"{reason.path} is {had}, the rule wants {expected}: {reason.hint}",
        "path": reason.path,
        "actual": list(reason.actual),
        "wanted": list(reason.wanted),
        "hint": reason.hint,
    }


def hint_of(item: Field, leaves: Leaves, event: Mapping[str, Any]) -> str:
    """Return why the event does not have what the field wants, in a sentence."""
    return _hint(item, leaves, event).text


def is_satisfied(item: Field, leaves: Leaves) -> bool:
    """Return whether the event has a value that the field accepts, or rightly none."""
    there = leaves.get(item.path, ())
    return (item.may_be_absent and not there) or any(item.accepts(leaf.value) for leaf in there)


def _order(item: Field) -> tuple[int, bool, str]:
    """Return a sort key: the source first, then the other fields of the envelope, then those of the detail."""
    return item.path.count("."), item.path != "source", item.path


def _hint(item: Field, leaves: Leaves, event: Mapping[str, Any]) -> Remark:
    there = leaves.get(item.path, [])
    if not there:
        return _about_missing(item, leaves, event)
    best = _nearest(item, there)
    if best.weight < LIKELY and (elsewhere := _holding_value(item, leaves)):
        return Remark(LIKELY, f"the rule's value is in {elsewhere}, not in {item.path}")
    return best


def _nearest(item: Field, there: Sequence[Leaf]) -> Remark:
    # That the field may be absent is the least useful remark, and is used only if the rule has no other matcher.
    matchers = [one for one in item.matchers if not isinstance(one, kinds.Absent)] or item.matchers[:1]
    remarks = [
        (remark(matcher, leaf.value), leaf.value) for leaf in there[:MOST_VALUES] for matcher in matchers
    ]
    about, value = max(remarks, key=lambda pair: pair[0].weight)
    return Remark(about.weight, f"{write_json(value)} {about.text}")


def _about_missing(item: Field, leaves: Leaves, event: Mapping[str, Any]) -> Remark:
    path = item.path
    below = [name for name in leaves if name.startswith(f"{path}.")][:MOST_FIELDS]
    if below:
        inside = next((name for name in below if _has_value(item, leaves[name])), None)
        if inside:
            return Remark(LIKELY, f"{path} is an object, and the rule's value is deeper, in {inside}")
        return Remark(POSSIBLE, f"{path} is an object, and the rule wants a value there")
    for above in _above(path):
        if above in leaves:
            value = leaves[above][0].value
            text = isinstance(value, str) and value.lstrip()[:1] in ("{", "[")
            why = ": it holds its JSON as a text" if text else ""
            return Remark(LIKELY, f"{above} is no object, so there is no {path}{why}")
    if _is_empty(path, event):
        return Remark(LIKELY, f"{path} is empty, and only values count")
    if elsewhere := _holding_value(item, leaves):
        return Remark(LIKELY, f"the field is missing, and the rule's value is in {elsewhere}")
    if similar := _similar_name(path, leaves):
        return Remark(LIKELY, f"the field is missing, and the event has {similar}")
    return Remark(GENERAL, "the event has no such field")


def _above(path: str) -> Iterable[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _holding_value(item: Field, leaves: Leaves) -> str | None:
    """Return another field with a value that the rule names exactly, None if there is none."""
    similar_names = [
        name for name in list(leaves)[:MOST_FIELDS] if name != item.path and _has_value(item, leaves[name])
    ]
    last = item.path.rpartition(".")[2]
    # Of several fields, one with the same name at another level is the most probable.
    return min(similar_names, key=lambda name: (name.rpartition(".")[2] != last, name), default=None)


def _has_value(item: Field, there: Sequence[Leaf]) -> bool:
    exact = [one for one in item.matchers if isinstance(one, (kinds.Exact, kinds.Number, kinds.IpAddress))]
    return any(one.accepts(leaf.value) for one in exact for leaf in there[:MOST_VALUES])


def _similar_name(path: str, leaves: Leaves) -> str | None:
    names = list(leaves)[:MOST_FIELDS]
    for name in names:
        if name.lower() == path.lower():
            return f"{name}, which differs only in case"
    parent, _, last = path.rpartition(".")
    siblings = {name.rpartition(".")[2]: name for name in names if name.rpartition(".")[0] == parent}
    near = get_close_matches(last, siblings, n=1, cutoff=SIMILAR)
    return siblings[near[0]] if near else None


def _is_empty(path: str, event: Mapping[str, Any]) -> bool:
    """Return whether there is an empty object or array at the path."""
    nodes: list[Any] = [event]
    for name in path.split("."):
        flat = [one for node in nodes for one in (node if isinstance(node, list) else [node])]
        nodes = [node[name] for node in flat if isinstance(node, Mapping) and name in node]
    return any(node in ({}, []) for node in nodes)


def _split_over_elements(branch: Branch, leaves: Leaves) -> tuple[Field, Remark]:
    """Return the field and the remark for a branch whose fields all match, but in different elements of arrays."""
    inside = [item for item in branch if any(leaf.elements for leaf in leaves.get(item.path, ()))]
    paths = ", ".join(item.path for item in inside)
    return inside[-1], Remark(
        LIKELY, f"each of {paths} matches by itself, but not all of them in the same element of their array"
    )
