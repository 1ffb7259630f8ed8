"""Which classes of rules does bench/match.py measure? For each operator the nth rule, for a bus and for city lots.

The city lots and their classes are after those of aws/event-ruler's benchmark.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from match_data import STREETS, kind_of_rule


@dataclass(frozen=True)
class Class:
    """`pattern` gives that of the nth rule."""

    name: str
    pattern: Callable[[int], Any]

    def rule(self, number: int) -> str:
        return json.dumps(self.pattern(number))


def _at(path: str, value: Callable[[int], Any]) -> Callable[[int], Any]:
    """Rules that look at one field."""

    def pattern(number: int) -> Any:
        made: Any = [value(number)]
        for name in reversed(path.split("/")):
            made = {name: made}
        return made

    return pattern


def _state(number: int) -> dict[str, Any]:
    """Source, detail-type and detail.state, each its own."""
    source, detail_type, state = kind_of_rule(number)
    return {"source": [source], "detail-type": [detail_type], "detail": {"state": [state]}}


_MORE: tuple[Callable[[int], Any], ...] = (
    lambda number: {"prefix": f"c-{number:05d}"},
    lambda number: {"wildcard": f"c-*{number:05d}*"},
    lambda number: {"anything-but": [f"c-{number:05d}"]},
    lambda number: {"exists": True},
    lambda number: {"suffix": f"{number:05d}"},
)


def _state_and_more(number: int) -> dict[str, Any]:
    pattern = _state(number)
    pattern["detail"]["customer"] = {"id": [_MORE[number % len(_MORE)](number)]}
    return pattern


def _same_key(number: int) -> dict[str, Any]:
    return {"source": ["shop.service-000"], "detail": {"customer": {"id": [{"prefix": f"c-{number:05d}"}]}}}


def _customer(number: int) -> str:
    return f"c-{number * 7 % 100_000:05d}"


def _or(number: int) -> dict[str, Any]:
    order = f"{number:016x}"
    return {"detail": {"$or": [{"customer": {"id": [_customer(number)]}}, {"order-id": [order]}]}}


def _items(number: int) -> dict[str, Any]:
    """Both of the same element."""
    return {"detail": {"items": {"sku": [f"sku-{number % 1000}"], "count": [number // 1000]}}}


_ID, _TOTAL = "detail/customer/id", "detail/total"
STATES = Class("source, detail-type, detail.state", _state)
BUS: tuple[Class, ...] = (
    STATES,
    Class("the same and a field of another operator", _state_and_more),
    Class("the same source, a prefix each", _same_key),
    Class("exact", _at(_ID, _customer)),
    Class("prefix", _at(_ID, lambda number: {"prefix": _customer(number)[:6]})),
    Class(
        "prefix ignoring case", _at(_ID, lambda number: {"prefix": {"equals-ignore-case": f"C-{number:05d}"}})
    ),
    Class("suffix", _at(_ID, lambda number: {"suffix": _customer(number)[2:]})),
    Class(
        "suffix ignoring case", _at(_ID, lambda number: {"suffix": {"equals-ignore-case": f"-{number:05d}"}})
    ),
    Class("equals-ignore-case", _at(_ID, lambda number: {"equals-ignore-case": _customer(number).upper()})),
    Class("wildcard", _at(_ID, lambda number: {"wildcard": f"*{_customer(number)[3:6]}*{number % 10}"})),
    Class("numeric =", _at(_TOTAL, lambda number: {"numeric": ["=", number % 10_000 / 100]})),
    Class(
        "numeric range",
        _at(_TOTAL, lambda number: {"numeric": [">", number / 1000, "<=", number / 1000 + 0.01]}),
    ),
    Class(
        "cidr",
        _at("detail/client-ip", lambda number: {"cidr": f"10.{number % 250}.{number // 250 % 250}.0/24"}),
    ),
    Class("anything-but", _at(_ID, lambda number: {"anything-but": [_customer(number), "c-0"]})),
    Class("anything-but numbers", _at(_TOTAL, lambda number: {"anything-but": [number % 10_000 / 100]})),
    Class(
        "anything-but prefix", _at(_ID, lambda number: {"anything-but": {"prefix": _customer(number)[:4]}})
    ),
    Class(
        "anything-but suffix", _at(_ID, lambda number: {"anything-but": {"suffix": _customer(number)[4:]}})
    ),
    Class(
        "anything-but wildcard",
        _at(_ID, lambda number: {"anything-but": {"wildcard": f"c-*{number % 1000:03d}"}}),
    ),
    Class(
        "anything-but ignoring case",
        _at(_ID, lambda number: {"anything-but": {"equals-ignore-case": _customer(number).upper()}}),
    ),
    Class("exists", _at("detail/coupon", lambda number: {"exists": number % 2 == 0})),
    Class("$or", _or),
    Class("arrays of objects", _items),
)


def _lot(number: int) -> str:
    """Of a lot that is there, the numbers spread over all blocks."""
    return f"{number * 7 % 6000:04d}{number * 13 % 90:03d}"


def _street(number: int) -> str:
    street = STREETS[number % len(STREETS)]
    return street if number < len(STREETS) else f"{street} {number}"


def _x(number: int) -> float:
    return round(-122.5 + number * 37 % 10_000 / 70_000, 7)


def _either_lot(number: int) -> dict[str, Any]:
    return {
        "properties": {"$or": [{"MAPBLKLOT": [_lot(number)]}, {"TO_ST": [str(number)], "ODD_EVEN": ["O"]}]}
    }


_LOT, _STREET, _X = "properties/MAPBLKLOT", "properties/STREET", "geometry/firstCoordinates/x"
LOTS: tuple[Class, ...] = (
    Class("exact", _at(_LOT, _lot)),
    Class("prefix", _at(_LOT, lambda number: {"prefix": _lot(number)[:6]})),
    Class(
        "prefix ignoring case",
        _at(_STREET, lambda number: {"prefix": {"equals-ignore-case": _street(number).lower()}}),
    ),
    Class("suffix", _at(_LOT, lambda number: {"suffix": _lot(number)[1:]})),
    Class("equals-ignore-case", _at(_STREET, lambda number: {"equals-ignore-case": _street(number).lower()})),
    Class(
        "wildcard, known head", _at(_LOT, lambda number: {"wildcard": f"{_lot(number)[:5]}*{number % 10}"})
    ),
    Class("wildcard, known middle", _at(_LOT, lambda number: {"wildcard": f"*{_lot(number)[2:6]}*"})),
    Class("numeric =", _at(_X, lambda number: {"numeric": ["=", _x(number)]})),
    Class("numeric range", _at(_X, lambda number: {"numeric": [">=", _x(number), "<", _x(number) + 0.0001]})),
    Class(
        "cidr",
        _at("properties/FROM_IP", lambda number: {"cidr": f"10.{number % 250}.{number // 250 % 250}.0/24"}),
    ),
    Class("anything-but", _at(_STREET, lambda number: {"anything-but": [_street(number), "UNKNOWN"]})),
    Class(
        "anything-but prefix", _at(_STREET, lambda number: {"anything-but": {"prefix": _street(number)[:4]}})
    ),
    Class("exists", _at("properties/ODD_EVEN", lambda number: {"exists": number % 2 == 0})),
    Class("$or", _either_lot),
    Class("arrays in arrays", _at("geometry/coordinates", lambda number: {"numeric": ["=", _x(number)]})),
)
