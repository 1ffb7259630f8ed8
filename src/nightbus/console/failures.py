"""Says what of the graph fails now: dead letters that wait, and what failed lately and was not done since."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.console.topology.graph import DEAD_LETTERS, FUNCTION, ON_FAILURE, QUEUE, Graph
from nightbus.console.traffic.counts import KEPT_SECONDS
from nightbus.console.traffic.folding import Fold
from nightbus.messaging.queue import queue_address
from nightbus.services.context import Platform

_OF_DEAD_LETTERS = (DEAD_LETTERS, ON_FAILURE)


async def failures_of(platform: Platform, scope: Scope, graph: Graph, fold: Fold) -> dict[str, str]:
    """By the ids of nodes, a short text each."""
    failing = {one.id: one.failing for one in graph.nodes.values() if one.failing}
    now = platform.clock.now_ms()
    flows, repeats = fold.counts.since(KEPT_SECONDS, now), fold.unfinished.repeats(KEPT_SECONDS, now)
    unfinished = fold.unfinished.failing(KEPT_SECONDS, now)

    def text(name: str, what: str) -> str:
        tries = flows[name].passed - repeats.get(name, 0) if name in flows else 0
        return unfinished[name].text(tries, what)

    for edge in graph.edges.values():
        if edge.id in unfinished:
            failing.setdefault(edge.source, text(edge.id, f"deliveries to {graph.nodes[edge.target].name}"))
    for node in graph.nodes.values():
        if node.kind == FUNCTION and node.id in unfinished:
            failing[node.id] = text(node.id, "invocations")
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
