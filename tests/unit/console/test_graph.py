"""Tests how the graph of what is deployed is made, kept and forgotten."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus_rig import BUS, QUEUE, SCOPE, Rig, rig
from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.console.topology.graph import (
    ELSEWHERE,
    MISSING,
    Graph,
    Node,
    SeenEdge,
    kind_of,
    name_of,
    node_id_of,
)
from nightbus.console.topology.producers import with_seen
from nightbus.console.topology.reading import Graphs

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("target", "node", "kind", "name"),
    [
        (f"{FUNCTION}:live", FUNCTION, "function", "f"),
        (FUNCTION, FUNCTION, "function", "f"),
        (QUEUE, QUEUE, "queue", "q"),
        (BUS, BUS, "bus", "default"),
        (
            "arn:aws:logs:eu-west-1:1:log-group:/a/b:*",
            "arn:aws:logs:eu-west-1:1:log-group:/a/b",
            "log-group",
            "/a/b",
        ),
        ("arn:aws:s3:::b", "arn:aws:s3:::b", "bucket", "b"),
        ("arn:aws:events:eu-west-1:1:api-destination/crm/123", None, "api-destination", "crm"),
        ("arn:aws:states:eu-west-1:1:stateMachine:m", None, "destination", "m"),
        ("arn::::::", None, "destination", ""),
        ("producer:shop.orders", None, "producer", "shop.orders"),
        ("url:https:https://x/y", None, "endpoint", "https:https://x/y"),
    ],
)
def test_nodes_of_targets(target: str, node: str | None, kind: str, name: str) -> None:
    node_id = node_id_of(target)
    assert (node_id, kind_of(node_id), name_of(node_id, kind)) == (node or target, kind, name)


def test_what_others_name_is_described_when_it_is_found() -> None:
    graph = Graph()
    graph.deliver(BUS, FUNCTION)
    assert graph.nodes[FUNCTION].state == MISSING
    graph.add(Node(FUNCTION, "function", "f", "Active"))
    assert graph.nodes[FUNCTION].state == "Active"
    graph.connect(BUS, "arn:aws:sqs:us-east-1:9:q", "delivers")
    graph.outsiders(["arn:aws:sqs:eu-west-1:"])
    assert graph.nodes["arn:aws:sqs:us-east-1:9:q"].state == ELSEWHERE


def test_who_was_seen_is_added_to_a_copy() -> None:
    graph = Graph()
    graph.add(Node(BUS, "bus", "default"))
    seen = [
        SeenEdge("producer:x", "publishes", BUS),
        SeenEdge("producer:x", "publishes", f"{BUS}-gone"),
        SeenEdge(FUNCTION, "publishes", BUS),
    ]
    copy = with_seen(graph, seen)
    assert {one.id: one.kind for one in copy.nodes.values()} == {
        BUS: "bus", "producer:x": "producer", FUNCTION: "producer",
    }  # fmt: skip
    assert (list(graph.nodes), graph.edges) == ([BUS], {})


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "data", VirtualClock()) as made:
        yield made


async def test_it_is_kept_until_something_of_it_changes(bus: Rig) -> None:
    graphs = Graphs(bus.store)
    first = await graphs.of(SCOPE)
    assert await graphs.of(SCOPE) is first
    await bus.put({})
    assert await graphs.of(SCOPE) is first
    await bus.queue("q")
    changed = await graphs.of(SCOPE)
    assert (changed is first, QUEUE in changed.nodes) == (False, True)
    elsewhere = Scope("999999999999", "eu-west-1")
    await graphs.of(elsewhere)
    await bus.queue("other")
    assert graphs.in_memory() == {"graphs": 1}


async def test_two_hundred_rules_take_less_than_100_ms(bus: Rig) -> None:
    await bus.queue("q")
    for number in range(200):
        await bus("PutRule", Name=f"r{number}", EventPattern='{"source": ["shop"]}')
        await bus("PutTargets", Rule=f"r{number}", Targets=[{"Id": "q", "Arn": QUEUE}])
    times = []
    for _ in range(5):  # of which something else may hold up some
        began = time.perf_counter()
        graph = await Graphs(bus.store).of(SCOPE)
        times.append(time.perf_counter() - began)
    assert (len(graph.nodes), len(graph.edges)) == (202, 400)
    assert min(times) < 0.1
