"""Makes what several groups of the API share, which each node keeps once: graphs, readers of traffic, and samples."""

from __future__ import annotations

from nightbus.console.samples import Samples
from nightbus.console.topology.reading import Graphs
from nightbus.console.traffic.readers import TrafficReaders
from nightbus.node.node import Node


def graphs_of(node: Node) -> Graphs:
    return Graphs(node.store)


def traffic_of(node: Node) -> TrafficReaders:
    return TrafficReaders(node.store, node.clock, hops=node.counters.hops)


def samples_of(node: Node) -> Samples:
    return Samples(node)
