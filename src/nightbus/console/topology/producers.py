"""Adds to the graph who was seen to publish events or to send messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nightbus.console.topology.graph import PRODUCER, Graph, Node, SeenEdge


def with_seen(graph: Graph, seen: Iterable[SeenEdge]) -> Graph:
    """A copy, whose nodes may be changed. What is seen of a bus or a function that is gone is left out."""
    copy = Graph({key: replace(node) for key, node in graph.nodes.items()}, dict(graph.edges))
    for source, kind, target in seen:
        if target not in graph.nodes:
            continue
        if source.startswith(f"{PRODUCER}:"):
            copy.add(Node(source, PRODUCER, source.partition(":")[2]))
        elif source not in graph.nodes:  # a session in a role that is not a function's
            name = source.rpartition(":")[2]
            copy.add(Node(source, PRODUCER, name))
        copy.connect(source, target, kind)
    return copy
