"""Says which stack made each node of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nightbus.aws.arn import arn, is_arn, partition_of
from nightbus.aws.calls import Scope
from nightbus.console.topology.graph import Graph
from nightbus.console.topology.records import Records
from nightbus.delivery.archives import archive_arn
from nightbus.delivery.rules import DEFAULT_BUS, bus_arn, rule_arn
from nightbus.messaging.queue import queue_arn
from nightbus.messaging.topic import topic_arn
from nightbus.services.lambda_.names import function_arn
from nightbus.stacks.records import RESOURCE

KINDS = (RESOURCE,)


def add(graph: Graph, scope: Scope, records: Records) -> None:
    by_name = {(node.kind, node.name): node for node in graph.nodes.values()}
    for record in records[RESOURCE]:
        physical_id = physical_id_of(record.value)
        if not physical_id:
            continue
        stack = record.key.partition("/")[0]
        node = graph.nodes.get(node_id(scope, record.value["type"], physical_id))
        if node is None:
            node = by_name.get((_NAMED.get(record.value["type"], ""), physical_id))
        if node is not None:
            node.stack = stack


def physical_id_of(value: Mapping[str, Any]) -> str:
    """ "" for a resource that is not made yet."""
    return str((value["current"] or {}).get("physical_id") or "")


def node_id(scope: Scope, resource_type: str, physical_id: str) -> str:
    """The id of the node that a resource of a stack is; "" for one of a type that the graph does not have."""
    make = _IDS.get(resource_type)
    return "" if make is None else make(scope, physical_id)


def _rule(scope: Scope, physical_id: str) -> str:
    if is_arn(physical_id):
        return physical_id
    bus, _, name = physical_id.rpartition("|")
    return rule_arn(scope, bus or DEFAULT_BUS, name)


_IDS: dict[str, Callable[[Scope, str], str]] = {
    "AWS::Events::EventBus": bus_arn,
    "AWS::Events::Rule": _rule,
    "AWS::Events::Archive": archive_arn,
    "AWS::Lambda::Function": function_arn,
    "AWS::SQS::Queue": lambda scope, url: queue_arn(scope, url.rpartition("/")[2]),
    "AWS::SNS::Topic": lambda scope, name: name if is_arn(name) else topic_arn(scope, name),
    "AWS::S3::Bucket": lambda scope, name: f"arn:{partition_of(scope.region)}:s3:::{name}",
    "AWS::Logs::LogGroup": lambda scope, name: arn("logs", scope.region, scope.account, f"log-group:{name}"),
}
_NAMED = {"AWS::Events::ApiDestination": "api-destination", "AWS::Events::Connection": "connection"}
