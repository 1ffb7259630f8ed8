"""The map's layout: what leads to a thing stands left of it, nothing is covered, and long ranks stand in columns."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from console_rig import Console

LAYOUT = """async drawn => {
  const { layout } = await import('/_nightbus/console/web/map_layout.js')
  return layout(await import('/_nightbus/console/web/vendor/dagre.js'), drawn)
}"""
Ways = list[tuple[str, str]]


def drawn(ways: Ways, boxes: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """A graph as `map_graph.js` makes it: its nodes are the ends of its ways, in their order."""
    ids = list(dict.fromkeys(end for way in ways for end in way))
    edges = [
        {"id": f"{start} > {end}", "from": start, "to": end, "kind": "matches", "parts": []}
        for start, end in ways
    ]
    return {
        "nodes": [{"id": one, "kind": "rule"} for one in ids],
        "edges": edges,
        "boxes": [{"group": group, "members": members} for group, members in (boxes or {}).items()],
    }


def fan(rules: int) -> Ways:
    """A producer, a bus, its rules, and a queue for each ten of them."""
    return [
        ("producer", "bus"),
        *(("bus", f"rule-{number}") for number in range(rules)),
        *((f"rule-{number}", f"queue-{number // 10}") for number in range(rules)),
    ]


def circle(size: int) -> Ways:
    ends = [f"n{number}" for number in range(size)]
    return [*pairwise(ends), (ends[-1], ends[0]), ("n5", "n5"), ("n9", "n3")]


def covered(places: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """The pairs of nodes that cover each other."""
    found = []
    ordered = sorted(places.items(), key=lambda one: one[1]["x"])
    for index, (name, one) in enumerate(ordered):
        for other_name, other in ordered[index + 1 :]:
            if other["x"] - one["x"] >= (one["width"] + other["width"]) / 2:
                continue
            if abs(other["y"] - one["y"]) < (one["height"] + other["height"]) / 2:
                found.append((name, other_name))
    return found


GRAPHS = {
    "few": drawn(fan(5)),
    "columns of dagre": drawn(fan(100)),
    "columns of the ranked layout": drawn(fan(400)),
    "a circle": drawn(circle(20)),
    "a large circle": drawn(circle(200)),
    "one node": {"nodes": [{"id": "a", "kind": "bus"}], "edges": [], "boxes": []},
    "nothing is connected": {
        "nodes": [{"id": str(number), "kind": "queue"} for number in range(300)],
        "edges": [],
        "boxes": [],
    },
}


@pytest.mark.parametrize("name", GRAPHS)
def test_nothing_covers_anything_and_all_is_on_the_map(console: Console, name: str) -> None:
    graph = GRAPHS[name]
    made = console.visit("/map").evaluate(LAYOUT, graph)
    places = made["nodes"]
    assert set(places) == {node["id"] for node in graph["nodes"]}
    assert covered(places) == []
    for place in places.values():
        assert 0 <= place["x"] - place["width"] / 2 <= place["x"] + place["width"] / 2 <= made["width"]
        assert 0 <= place["y"] - place["height"] / 2 <= place["y"] + place["height"] / 2 <= made["height"]
    assert set(made["edges"]) == {edge["id"] for edge in graph["edges"]}
    for edge in graph["edges"]:
        ends = made["edges"][edge["id"]]
        if edge["from"] != edge["to"]:
            assert len(ends) >= 2


@pytest.mark.parametrize("rules", [5, 100, 400])
def test_what_leads_to_a_thing_stands_left_of_it(console: Console, rules: int) -> None:
    made = console.visit("/map").evaluate(LAYOUT, drawn(fan(rules)))
    places = made["nodes"]
    assert [way for way in fan(rules) if places[way[0]]["x"] >= places[way[1]]["x"]] == []


@pytest.mark.parametrize("rules", [100, 400])
def test_many_rules_of_a_bus_stand_in_columns(console: Console, rules: int) -> None:
    made = console.visit("/map").evaluate(LAYOUT, drawn(fan(rules)))
    places = [made["nodes"][f"rule-{number}"] for number in range(rules)]
    columns = {place["x"] for place in places}
    assert len(columns) == -(-rules // 24)
    assert made["height"] < 25 * 60 + 100


@pytest.mark.parametrize("rules", [60, 400])
def test_a_box_holds_the_members_of_its_group(console: Console, rules: int) -> None:
    members = [f"rule-{number}" for number in range(10)]
    made = console.visit("/map").evaluate(LAYOUT, drawn(fan(rules), {"stack:a": members}))
    box = made["boxes"]["stack:a"]
    for member in members:
        place = made["nodes"][member]
        assert box["x"] <= place["x"] - place["width"] / 2
        assert place["x"] + place["width"] / 2 <= box["x"] + box["width"]
        assert box["y"] <= place["y"] - place["height"] / 2
        assert place["y"] + place["height"] / 2 <= box["y"] + box["height"]


def test_the_same_graph_is_laid_out_the_same(console: Console) -> None:
    page = console.visit("/map")
    first, second = (page.evaluate(LAYOUT, drawn(fan(400))) for _ in range(2))
    assert first["nodes"] == second["nodes"]
