"""Says what of the graph fails now: dead letters that wait, and what failed in the last minutes."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.console.topology.graph import DEAD_LETTERS, FUNCTION, ON_FAILURE, QUEUE, Graph
from nightbus.console.traffic.counts import KEPT_SECONDS, Flow
from nightbus.console.traffic.folding import Fold
from nightbus.messaging.queue import queue_address
from nightbus.services.context import Platform

_OF_DEAD_LETTERS = (DEAD_LETTERS, ON_FAILURE)


async def failures_of(platform: Platform, scope: Scope, graph: Graph, fold: Fold) -> dict[str, str]:
    """By the ids of nodes, a short text each."""
    failing = {one.id: one.failing for one in graph.nodes.values() if one.failing}
    flows = fold.counts.since(KEPT_SECONDS, platform.clock.now_ms())
    for edge in graph.edges.values():
        flow = flows.get(edge.id)
        if flow is not None and flow.failed:
            failing.setdefault(
                edge.source, f"{_share(flow)} deliveries to {graph.nodes[edge.target].name} failed"
            )
    for node in graph.nodes.values():
        flow = flows.get(node.id)
        if node.kind == FUNCTION and flow is not None and flow.failed:
            failing[node.id] = f"{_share(flow)} invocations failed"
    for queue, count in (await _dead_letters(platform, graph)).items():
        failing[queue] = dead_letters_text(count)
    return failing


async def _dead_letters(platform: Platform, graph: Graph) -> dict[str, int]:
    """How many dead letters wait, by the ARN of their queue; queues without any are left out."""
    targets = {one.target for one in graph.edges.values() if one.kind in _OF_DEAD_LETTERS}
    counts = {}
    for arn in sorted(targets):
        address = queue_address(arn) if graph.nodes[arn].kind == QUEUE else None
        queue = await platform.queues.find(*address) if address is not None else None
        count = 0 if queue is None else sum(await platform.queues.count(queue))
        if count:
            counts[arn] = count
    return counts


def dead_letters_text(count: int) -> str:
    return f"{count} dead letter{'' if count == 1 else 's'}" if count else ""


def _share(flow: Flow) -> str:
    return f"{flow.failed} of {max(flow.passed, flow.failed)}"
