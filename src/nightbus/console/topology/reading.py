"""Reads the graph of an account and a Region, and keeps it until a commit touches what it was made of."""

from __future__ import annotations

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded
from nightbus.console.topology import events, functions, messaging, stack_members, storage
from nightbus.console.topology.graph import Graph
from nightbus.services.s3.records import BUCKET
from nightbus.store.interface import SYSTEM, Store, Touched

_PARTS = (
    events,
    functions,
    messaging,
    storage,
    stack_members,
)  # in this order: the last ones look at the nodes
_KINDS = tuple(dict.fromkeys(kind for part in _PARTS for kind in part.KINDS))
_MOST = 50


async def read_graph(store: Store, scope: Scope) -> Graph:
    records = {kind: await store.list(SYSTEM if kind == BUCKET else scope, kind) for kind in _KINDS}
    graph = Graph()
    for part in _PARTS:
        part.add(graph, scope, records)
    graph.outsiders(_beginnings(scope))
    return graph


def _beginnings(scope: Scope) -> list[str]:
    """Of the ARNs of what the node itself would have, were it there."""
    own = [arn(service, scope.region, scope.account, "") for service in ("lambda", "sqs", "sns", "logs")]
    events = [arn("events", scope.region, scope.account, kind) for kind in ("event-bus/", "api-destination/")]
    return [*own, *events]


class Graphs:
    """The graphs of the scopes that somebody looked at. They are shared: callers do not change them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: Bounded[Scope, Graph] = Bounded(_MOST)
        self._changes = 0
        store.watch(self._touched, _KINDS)

    async def of(self, scope: Scope) -> Graph:
        graph = self._kept.get(scope)
        if graph is None:
            before = self._changes
            graph = await read_graph(self._store, scope)
            if self._changes == before:  # else what was read may be old already
                self._kept[scope] = graph
        return graph

    def _touched(self, touched: Touched | None) -> None:
        self._changes += 1
        if touched is None or any(record.scope == SYSTEM for record in touched.records):
            self._kept.clear()  # buckets are of no Region
            return
        for record in touched.records:
            self._kept.pop(record.scope, None)

    def in_memory(self) -> dict[str, int]:
        return {"graphs": len(self._kept)}
