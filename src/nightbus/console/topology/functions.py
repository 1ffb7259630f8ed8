"""Adds functions to the graph, with their URLs, event sources, destinations and dead-letter queues."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.console.topology import graph as g
from nightbus.console.topology.graph import Graph, Node
from nightbus.console.topology.records import Records
from nightbus.services.lambda_.names import function_arn
from nightbus.services.lambda_.queue_sources.settings import EVENT_SOURCE
from nightbus.services.lambda_.records import EVENT_INVOKE, FUNCTION, FUNCTION_URL

KINDS = (FUNCTION, EVENT_SOURCE, EVENT_INVOKE, FUNCTION_URL)
_OUTCOMES = {"OnSuccess": g.ON_SUCCESS, "OnFailure": g.ON_FAILURE}


def add(graph: Graph, scope: Scope, records: Records) -> None:
    for record in records[FUNCTION]:
        config = record.value["latest"]["config"]
        own_arn = function_arn(scope, record.key)
        node = graph.add(Node(own_arn, g.FUNCTION, record.key, str(config.get("State", ""))))
        node.detail = str(config.get("Runtime", ""))
        if config.get("LastUpdateStatus") == "Failed" or node.state == "Failed":
            node.failing = str(
                config.get("StateReason") or config.get("LastUpdateStatusReason") or "it cannot run"
            )
        dead = (config.get("DeadLetterConfig") or {}).get("TargetArn")
        if dead:
            graph.connect(own_arn, dead, g.DEAD_LETTERS)
    for record in records[EVENT_SOURCE]:
        value = record.value
        graph.connect(
            value["source"], value["function"], g.POLLS, state="" if value["enabled"] else "disabled"
        )
    for record in records[EVENT_INVOKE]:
        destinations = record.value["config"].get("DestinationConfig") or {}
        for name, kind in _OUTCOMES.items():
            target = (destinations.get(name) or {}).get("Destination")
            if target:
                graph.connect(function_arn(scope, record.key.partition(":")[0]), target, kind)
    for record in records[FUNCTION_URL]:
        name = record.key.partition(":")[0]
        url = f"function-url:{record.value['id']}"
        graph.add(Node(url, g.API, f"URL of {name}", detail=str(record.value["AuthType"])))
        graph.connect(url, function_arn(scope, name), g.INVOKES)
