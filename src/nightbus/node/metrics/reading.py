"""Reads all metrics of a node at one moment."""

from __future__ import annotations

from nightbus.node.metrics.counted import counted
from nightbus.node.metrics.families import Family
from nightbus.node.metrics.held import held
from nightbus.node.node import Node


async def families_of(node: Node) -> list[Family]:
    """What it counted, and what it holds. The lag of the event loop is measured for the next two minutes."""
    node.loop_lag.read()
    families = await held(node)
    return [*counted(node.counters), *families]
