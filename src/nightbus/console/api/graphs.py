"""Makes what the groups of the API share: the graphs of what is deployed, which each node keeps once."""

from __future__ import annotations

from nightbus.console.topology.reading import Graphs
from nightbus.node.node import Node


def graphs_of(node: Node) -> Graphs:
    return Graphs(node.store)
