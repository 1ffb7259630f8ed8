"""Shows what is deployed as a graph, and what goes over its edges: `/map`, `/traffic`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nightbus.console.api.graphs import graphs_of, traffic_of
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Query, copied
from nightbus.console.failures import failures_of
from nightbus.console.topology.producers import with_seen
from nightbus.console.traffic.counts import KEPT_SECONDS
from nightbus.console.traffic.folding import Fold


class MapNode(Answer, frozen=True):
    """`id` is the ARN, or a text for what has none. `kind`: bus, rule, schedule, function, queue, topic, archive,
    bucket, log-group, api-destination, connection, api, endpoint, producer or destination.

    `state` is the service's own word; `missing` for what others name and is not there, `elsewhere` for what is in
    another account, Region or service. `failing` says what is wrong, "" where nothing is.
    """

    id: str
    kind: str
    name: str
    stack: str
    state: str
    detail: str
    failing: str


class MapEdge(Answer, frozen=True, rename={"source": "from", "target": "to"}):
    """`kind`: matches, delivers, invokes, forwards, dead-letters, polls, notifies, publishes, sends, archives, uses,
    on-success or on-failure. `rule` is the ARN of the rule, "" where none is concerned; `state` is `disabled`,
    `pending` or ""."""

    id: str
    source: str
    target: str
    kind: str
    rule: str
    state: str


class Map(Answer, frozen=True):
    nodes: list[MapNode]
    edges: list[MapEdge]
    stacks: list[str]


class Flow(Answer, frozen=True):
    """`rate` per second, `count` and `errors` in all the seconds that were asked for, `last` (UTC ms)."""

    rate: float
    count: int
    errors: int
    last: int


class Traffic(Answer, frozen=True):
    """By the ids of edges and of nodes on the map; those without traffic are left out."""

    time: int
    seconds: int
    edges: dict[str, Flow]
    nodes: dict[str, Flow]


class TrafficQuery(Query, frozen=True):
    """`seconds`: of the last so many."""

    seconds: Annotated[int, msgspec.Meta(ge=1, le=KEPT_SECONDS)] = 60


async def read_map(request: ApiRequest) -> Map:
    """Show what is deployed, as a graph.

    Buses, rules and their targets, event sources, subscriptions, destinations, dead-letter queues and archives, and who
    was seen to publish events or to send messages.
    """
    fold = await request.kept(traffic_of).of(request.scope)
    graph = with_seen(await request.kept(graphs_of).of(request.scope), list(fold.seen))
    failing = await failures_of(request.platform, request.scope, graph, fold)
    return Map(
        nodes=[copied(MapNode, one, failing=failing.get(one.id, "")) for one in graph.nodes.values()],
        edges=[copied(MapEdge, one) for one in graph.edges.values()],
        stacks=sorted({one.stack for one in graph.nodes.values() if one.stack}),
    )


async def read_traffic(request: ApiRequest, query: TrafficQuery) -> Traffic:
    """Show what went over the edges of the map and through its nodes in the last seconds."""
    fold = await request.kept(traffic_of).of(request.scope)
    return traffic_now(fold, query.seconds, request.now_ms())


def traffic_now(fold: Fold, seconds: int, now_ms: int) -> Traffic:
    edges: dict[str, Flow] = {}
    nodes: dict[str, Flow] = {}
    for name, flow in fold.counts.since(seconds, now_ms).items():
        shown = Flow(
            rate=round(flow.passed / seconds, 3), count=flow.passed, errors=flow.failed, last=flow.last
        )
        (edges if " " in name else nodes)[name] = shown
    return Traffic(time=now_ms, seconds=seconds, edges=edges, nodes=nodes)


ROUTES: Routes = {
    "GET /map": read_map,
    "GET /traffic": read_traffic,
}
