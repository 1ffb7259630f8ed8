"""Which rules and events does bench/match.py measure with? All from a seed, so that every run has the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

STATES = ("pending", "running", "stopping", "stopped", "terminated")
STREETS = (
    "VALENCIA",
    "MISSION",
    "FOLSOM",
    "GEARY",
    "FULTON",
    "BUSH",
    "ACADIA",
    "DRUMM",
    "RHODE ISLAND",
    "BLANCHE",
)
STREET_TYPES = ("ST", "ST", "ST", "ST", "AVE", "AVE", "BLVD", "WAY", "TER", None)


@dataclass(frozen=True)
class Class:
    """A class of rules, all of which look at one field of a city lot; `value` gives the one of the nth rule."""

    name: str
    path: tuple[str, ...]
    value: Callable[[int], Any]

    def rule(self, number: int) -> str:
        pattern: Any = [self.value(number)]
        for name in reversed(self.path):
            pattern = {name: pattern}
        return json.dumps(pattern)


def lot_number(number: int) -> str:
    """Of a lot that is there, the numbers spread over all blocks."""
    return f"{number * 7 % 6000:04d}{number * 13 % 90:03d}"


MAPBLKLOT, STREET = ("properties", "MAPBLKLOT"), ("properties", "STREET")
CLASSES = (
    Class("exact", MAPBLKLOT, lot_number),
    Class("prefix", MAPBLKLOT, lambda number: {"prefix": lot_number(number)[:6]}),
    Class("suffix", MAPBLKLOT, lambda number: {"suffix": lot_number(number)[1:]}),
    Class("equals-ignore-case", STREET, lambda number: {"equals-ignore-case": f"{_street(number).lower()}"}),
    Class(
        "prefix ignore-case",
        STREET,
        lambda number: {"prefix": {"equals-ignore-case": _street(number).lower()}},
    ),
    Class("wildcard head", MAPBLKLOT, lambda number: {"wildcard": f"{lot_number(number)[:5]}*{number % 10}"}),
    Class("wildcard middle", MAPBLKLOT, lambda number: {"wildcard": f"*{lot_number(number)[2:6]}*"}),
    Class("numeric =", ("geometry", "firstCoordinates", "x"), lambda number: {"numeric": ["=", _x(number)]}),
    Class(
        "numeric range",
        ("geometry", "firstCoordinates", "x"),
        lambda number: {"numeric": [">=", _x(number), "<", _x(number) + 0.0001]},
    ),
    Class("anything-but", STREET, lambda number: {"anything-but": [_street(number), "UNKNOWN"]}),
    Class("anything-but prefix", STREET, lambda number: {"anything-but": {"prefix": _street(number)[:4]}}),
    Class("exists", ("properties", "ODD_EVEN"), lambda number: {"exists": number % 2 == 0}),
    Class(
        "cidr", ("properties", "FROM_IP"), lambda number: {"cidr": f"10.{number % 250}.{number // 250}.0/24"}
    ),
    Class("arrays", ("geometry", "coordinates"), lambda number: {"numeric": ["=", _x(number)]}),
)


def _street(number: int) -> str:
    street = STREETS[number % len(STREETS)]
    return street if number < len(STREETS) else f"{street} {number}"


def _x(number: int) -> float:
    return round(-122.5 + number * 37 % 10_000 / 70_000, 7)


def city_lots(count: int) -> list[bytes]:
    random = Random(1)
    return [_compact(_city_lot(random)) for _ in range(count)]


def _city_lot(random: Random) -> dict[str, Any]:
    block, lot = f"{random.randrange(6000):04d}", f"{random.randrange(90):03d}"
    known = random.random() < 0.97
    corners = [[_jitter(random, -122.43), _jitter(random, 37.76), 0.0] for _ in range(random.randrange(4, 9))]
    house = random.randrange(1, 4000)
    return {
        "type": "Feature",
        "properties": {
            "MAPBLKLOT": f"{block}{lot}",
            "BLKLOT": f"{block}{lot}",
            "BLOCK_NUM": block,
            "LOT_NUM": lot,
            "FROM_ST": str(house) if known else None,
            "TO_ST": str(house + random.choice([0, 0, 2, 8])) if known else None,
            "STREET": random.choice(STREETS) if known else "UNKNOWN",
            "ST_TYPE": random.choice(STREET_TYPES) if known else None,
            "ODD_EVEN": "EO"[house % 2] if known else None,
            "FROM_IP": f"10.{random.randrange(250)}.{random.randrange(4)}.{random.randrange(250)}",
        },
        "geometry": {
            "type": "Polygon",
            "coordinates": [[*corners, corners[0]]],
            "firstCoordinates": {"x": corners[0][0], "y": corners[0][1]},
        },
    }


def _jitter(random: Random, middle: float) -> float:
    return random.uniform(middle - 0.07, middle + 0.07)


def state_rule(number: int) -> str:
    """Rules of source, detail-type and detail.state, each its own."""
    source, detail_type, state = _kind(number)
    return json.dumps({"source": [source], "detail-type": [detail_type], "detail": {"state": [state]}})


def _kind(number: int) -> tuple[str, str, str]:
    kind, state = divmod(number, len(STATES))
    return f"shop.service-{kind % 100:03d}", f"Order {kind // 100:04d} Changed", STATES[state]


MIXED_VALUES: tuple[Callable[[int], Any], ...] = (
    lambda number: {"prefix": f"c-{number:05d}"},
    lambda number: {"wildcard": f"c-*{number:05d}*"},
    lambda number: {"anything-but": [f"c-{number:05d}"]},
    lambda number: {"exists": True},
    lambda number: {"suffix": f"{number:05d}"},
)


def mixed_rule(number: int) -> str:
    """The same with one field more, of an operator that is not exact."""
    source, detail_type, state = _kind(number)
    customer = MIXED_VALUES[number % len(MIXED_VALUES)](number)
    detail = {"state": [state], "customer": {"id": [customer]}}
    return json.dumps({"source": [source], "detail-type": [detail_type], "detail": detail})


def same_key_rule(number: int) -> str:
    """Rules with the same exact values, which differ in one field only."""
    return json.dumps(
        {"source": ["shop.service-000"], "detail": {"customer": {"id": [{"prefix": f"c-{number:05d}"}]}}}
    )


def bus_events(count: int, rules: int) -> list[bytes]:
    """Half of them match one of the first `rules` of state_rule, half none of any."""
    random = Random(2)
    events = []
    for number in range(count):
        source, detail_type, state = _kind(random.randrange(rules))
        events.append(_bus_event(random, source, detail_type, state if number % 2 else "archived"))
    return [_compact(event) for event in events]


def _compact(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def _bus_event(random: Random, source: str, detail_type: str, state: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": f"{random.getrandbits(128):032x}",
        "detail-type": detail_type,
        "source": source,
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [f"arn:aws:shop:eu-west-1:123456789012:order/{random.randrange(10**6)}"],
        "detail": {
            "state": state,
            "order-id": f"{random.getrandbits(64):016x}",
            "customer": {
                "id": f"c-{random.randrange(100_000):05d}",
                "name": "A Name",
                "address": {"street": "12 Some Street", "city": "Lyon", "zip": "69001"},
            },
            "items": [
                {"sku": f"sku-{random.randrange(1000)}", "count": random.randrange(1, 5), "price": 12.5}
                for _ in range(3)
            ],
            "total": random.randrange(10_000) / 100,
            "note": "Leave it at the door, please, and ring twice.",
        },
    }
