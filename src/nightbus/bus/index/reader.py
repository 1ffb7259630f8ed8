"""Decodes, from an event's text, only the values at the paths that rules use.

It decodes a text into types that are generated for these paths. For an event that does not fit the types (an array or a
scalar where rules expect an object, a name with a dot, single surrogates, numbers of thousands of digits) it returns
None, and the caller decodes the whole event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any

from nightbus.bus.index.groups import MISSING
from nightbus.bus.json_text import parse_json
from nightbus.bus.numbers import parse_number

# The most members of one reader's types. Each name in an event is compared with the members of its object's type.
MOST_MEMBERS = 1_024

Names = dict[str, "Names"]  # the paths as a tree

# An attribute that is always missing.
NOTHING = "nothing"

Read = Callable[[bytes], tuple[Any, ...] | None]


class _Dotted:
    """The type of a member that an event must not have: its name has a dot, so it stands for another path."""


def whole_reader() -> Callable[[bytes], Any]:
    """Return the function that decodes whole events. It imports msgspec (3 MB) with the first event."""
    decode: Callable[[bytes], Any] | None = None

    def read(data: bytes) -> Any:
        import msgspec

        nonlocal decode
        decode = decode or msgspec.json.Decoder(float_hook=parse_number).decode
        try:
            return decode(data)
        except (msgspec.MsgspecError, RecursionError):
            return parse_json(data.decode())

    return read


def few_reader(slots: Mapping[str, int]) -> Read | None:
    """Return the function that decodes the values by slot, some of which may be arrays or objects.

    The function returns None for an event that does not fit. For too many paths there is no such function: None.
    """
    import msgspec

    if max(slots.values()) + sum(map(_members, slots)) > MOST_MEMBERS or not all(map(_usable, slots)):
        return None
    attributes: dict[str, str] = {}
    event_type = _type_of(_tree(slots), slots, attributes)
    decode = msgspec.json.Decoder(event_type, dec_hook=_refuse, float_hook=parse_number).decode
    names = [NOTHING] * max(
        2, max(slots.values()) + 1
    )  # attrgetter of one attribute would not return a tuple
    for path, slot in slots.items():
        names[slot] = attributes.get(path, NOTHING)
    values_of = attrgetter(*names)
    refused = (msgspec.MsgspecError, RecursionError)

    def read(data: bytes) -> tuple[Any, ...] | None:
        try:
            values: tuple[Any, ...] = values_of(decode(data))
            return values
        except refused:
            return None

    return read


def _members(path: str) -> int:
    """Return an upper limit of the members that the types have for the path, names with dots included."""
    return (path.count(".") + 1) ** 2


def _usable(path: str) -> bool:
    """Return whether msgspec accepts the path's names as names of members."""
    return path.isprintable() and '"' not in path and "\\" not in path


def _tree(paths: Iterable[str]) -> Names:
    names: Names = {}
    for path in paths:
        node = names
        for name in path.split("."):
            node = node.setdefault(name, {})
    return names


def _type_of(
    names: Names, leaves: Collection[str], attributes: dict[str, str], path: str = "", at: str = ""
) -> Any:
    """Return the type of an object with these members, and record by which attributes each path is reached."""
    from msgspec import defstruct

    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for number, (name, below) in enumerate(names.items()):
        field, inner_path = f"m{number}", f"{path}{name}"
        rename[field] = name
        attributes[inner_path] = f"{at}{field}"
        if below and inner_path not in leaves:
            inner = _type_of(below, leaves, attributes, f"{inner_path}.", f"{at}{field}.")
            fields.append((field, inner, inner()))
        else:
            # A path that one rule uses as a value and another as an object is never both in a plain event.
            fields.append((field, Any, MISSING))
    for number, dotted in enumerate(dict.fromkeys([".", *_dotted(names)])):
        field = f"d{number}" if number else NOTHING
        rename[field] = dotted
        fields.append((field, _Dotted, MISSING))
    return defstruct("Event", fields, rename=rename, frozen=True, gc=False)


def _dotted(names: Names) -> Iterable[str]:
    """Yield names with dots that would stand for the same path as a nested member."""
    for name, below in names.items():
        for inner in below:
            yield f"{name}.{inner}"
        for inner in _dotted(below):
            yield f"{name}.{inner}"


def _refuse(kind: type, value: object) -> Any:
    raise ValueError("a name with a dot in it")
