"""Adds buses, rules with their targets, schedules, archives, API destinations and connections to the graph."""

from __future__ import annotations

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.console.topology import graph as g
from nightbus.console.topology.graph import Graph, Node
from nightbus.console.topology.records import Records
from nightbus.delivery.api_destinations.connections import API_DESTINATION, CONNECTION, connection_arn
from nightbus.delivery.archives import ARCHIVE, archive_arn
from nightbus.delivery.rules import BUS, DEFAULT_BUS, ENABLED, RULE, bus_arn, rule_arn
from nightbus.store.interface import Record

KINDS = (BUS, RULE, ARCHIVE, API_DESTINATION, CONNECTION)


def add(graph: Graph, scope: Scope, records: Records) -> None:
    graph.add(Node(bus_arn(scope, DEFAULT_BUS), g.BUS, DEFAULT_BUS))
    for record in records[BUS]:
        graph.add(Node(bus_arn(scope, record.key), g.BUS, record.key))
    for record in records[CONNECTION]:
        state = str(record.value.get("ConnectionState", ""))
        graph.add(Node(connection_arn(scope, record.key, record.value), g.CONNECTION, record.key, state))
    for record in records[API_DESTINATION]:
        _add_api_destination(graph, scope, record)
    for record in records[RULE]:
        _add_rule(graph, scope, record)
    for record in records[ARCHIVE]:
        archive = archive_arn(scope, record.key)
        graph.add(Node(archive, g.ARCHIVE, record.key, detail=str(record.value.get("Description") or "")))
        graph.connect(bus_arn(scope, record.value["EventBusName"]), archive, g.KEEPS)


def _add_api_destination(graph: Graph, scope: Scope, record: Record) -> None:
    value = record.value
    own_arn = arn("events", scope.region, scope.account, f"api-destination/{record.key}/{value['Id']}")
    detail = f"{value.get('HttpMethod', '')} {value.get('InvocationEndpoint', '')}".strip()
    graph.add(Node(own_arn, g.API_DESTINATION, record.key, detail=detail))
    if value.get("ConnectionArn"):
        graph.connect(own_arn, value["ConnectionArn"], g.USES)


def _add_rule(graph: Graph, scope: Scope, record: Record) -> None:
    """One with a schedule and no pattern is a schedule: no event of its bus triggers it."""
    value = record.value
    bus, name = value["EventBusName"], value["Name"]
    own_arn, schedule = rule_arn(scope, bus, name), value.get("ScheduleExpression") or ""
    pattern = value.get("EventPattern")
    state = "disabled" if value["State"] not in ENABLED else ""
    kind = g.RULE if pattern else g.SCHEDULE
    graph.add(Node(own_arn, kind, name, state or "enabled", schedule or str(value.get("Description") or "")))
    if pattern:
        graph.connect(bus_arn(scope, bus), own_arn, g.MATCHES, own_arn, state)
    for target in value.get("Targets", ()):
        graph.deliver(own_arn, target["Arn"], own_arn, state)
        dead = (target.get("DeadLetterConfig") or {}).get("Arn")
        if dead:
            graph.connect(own_arn, dead, g.DEAD_LETTERS, own_arn, state)
