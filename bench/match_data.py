"""Which events does bench/match.py measure with? All from a seed, so that every run has the same."""

from __future__ import annotations

import json
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


def kind_of_rule(number: int) -> tuple[str, str, str]:
    """The source, detail-type and state that the nth rule asks for."""
    kind, state = divmod(number, len(STATES))
    return f"shop.service-{kind % 100:03d}", f"Order {kind // 100:04d} Changed", STATES[state]


def bus_events(count: int, rules: int) -> list[bytes]:
    """Half of them match one of the first `rules` by source, detail-type and state, half none of these."""
    random = Random(2)
    events = []
    for number in range(count):
        source, detail_type, state = kind_of_rule(random.randrange(rules))
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
            "client-ip": f"10.{random.randrange(250)}.{random.randrange(250)}.{random.randrange(250)}",
            "note": "Leave it at the door, please, and ring twice.",
        },
    }
