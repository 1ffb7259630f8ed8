"""Adds buckets that notify somebody to the graph, and log groups whose events go to a function."""

from __future__ import annotations

from nightbus.aws.arn import arn, partition_of
from nightbus.aws.calls import Scope
from nightbus.console.topology import graph as g
from nightbus.console.topology.graph import Graph, Node
from nightbus.console.topology.records import Records
from nightbus.delivery.rules import DEFAULT_BUS, bus_arn
from nightbus.messaging.log_streams import GROUP
from nightbus.services.logs.subscriptions.records import FILTER
from nightbus.services.s3.notifications.filters import destinations_of
from nightbus.services.s3.records import BUCKET
from nightbus.store.interface import Record

KINDS = (BUCKET, GROUP, FILTER)


def add(graph: Graph, scope: Scope, records: Records) -> None:
    """A group of the graph is one that a rule writes to, or a subscription filter reads: else all functions' are."""
    for record in records[BUCKET]:
        if Scope(record.value["Account"], record.value["Region"]) == scope:
            _add_bucket(graph, scope, record)
    for record in records[FILTER]:
        group = _group_arn(scope, record.key.partition(":")[0])
        graph.connect(group, record.value["destination"], g.NOTIFIES)
    for record in records[GROUP]:
        own_arn = _group_arn(scope, record.key)
        if own_arn in graph.nodes:
            graph.add(Node(own_arn, g.LOG_GROUP, record.key))


def _add_bucket(graph: Graph, scope: Scope, record: Record) -> None:
    own_arn = f"arn:{partition_of(scope.region)}:s3:::{record.key}"
    graph.add(Node(own_arn, g.BUCKET, record.key))
    configuration = record.value.get("Notification") or {}
    for destination in destinations_of(configuration):
        graph.connect(own_arn, destination.arn, g.NOTIFIES)
    if "EventBridgeConfiguration" in configuration:
        graph.connect(own_arn, bus_arn(scope, DEFAULT_BUS), g.PUBLISHES)


def _group_arn(scope: Scope, name: str) -> str:
    return arn("logs", scope.region, scope.account, f"log-group:{name}")
