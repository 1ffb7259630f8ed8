"""Decodes from an event's text the values at the paths that rules look at, and nothing else.

A text is read into types made for just these paths. What does not fit them (an array or a value where rules want an
object, a name with a dot in it, bare surrogates, numbers of thousands of digits) is told as None, and the whole event
is to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any

from nightbus.bus.index.groups import MISSING
from nightbus.bus.json_text import parse_json
from nightbus.bus.numbers import parse_number

# The members that the types of one reader may have; every name in the event is compared with those of its object.
MOST_MEMBERS = 1_024

Names = dict[str, "Names"]  # the paths as a tree

# The attribute that is always missing.
NOTHING = "nothing"

Read = Callable[[bytes], tuple[Any, ...] | None]


class _Dotted:
    """A member that no event may have: its name has a dot, so it means a path that is not the types' own."""


def whole_reader() -> Callable[[bytes], Any]:
    """Reads all of an event, exactly. Its decoder is made with the first event: msgspec is 3 MB."""
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
    """Gives the values by slot, some of which may be arrays or objects, or None for an event that does not fit.

    There is no such reader for paths that are too many.
    """
    import msgspec

    if max(slots.values()) + sum(map(_members, slots)) > MOST_MEMBERS or not all(map(_usable, slots)):
        return None
    attributes: dict[str, str] = {}
    event_type = _type_of(_tree(slots), slots, attributes)
    decode = msgspec.json.Decoder(event_type, dec_hook=_refuse, float_hook=parse_number).decode
    wanted = [NOTHING] * max(2, max(slots.values()) + 1)  # a getter of one attribute would give it bare
    for path, slot in slots.items():
        wanted[slot] = attributes.get(path, NOTHING)
    values_of = attrgetter(*wanted)
    refused = (msgspec.MsgspecError, RecursionError)

    def read(data: bytes) -> tuple[Any, ...] | None:
        try:
            values: tuple[Any, ...] = values_of(decode(data))
            return values
        except refused:
            return None

    return read


def _members(path: str) -> int:
    """At most so many members the types have for this path, dotted names among them."""
    return (path.count(".") + 1) ** 2


def _usable(path: str) -> bool:
    """Whether msgspec takes the names of the path for names of members."""
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
    """The type of an object with these members; notes by which attributes each path is reached."""
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
            # What rules take for a value here and for an object there is never both in a plain event.
            fields.append((field, Any, MISSING))
    for number, dotted in enumerate(dict.fromkeys([".", *_dotted(names)])):
        field = f"d{number}" if number else NOTHING
        rename[field] = dotted
        fields.append((field, _Dotted, MISSING))
    return defstruct("Event", fields, rename=rename, frozen=True, gc=False)


def _dotted(names: Names) -> Iterable[str]:
    """The names of members that would mean the same as a member's member."""
    for name, below in names.items():
        for inner in below:
            yield f"{name}.{inner}"
        for inner in _dotted(below):
            yield f"{name}.{inner}"


def _refuse(kind: type, value: object) -> Any:
    raise ValueError("a name with a dot in it")
