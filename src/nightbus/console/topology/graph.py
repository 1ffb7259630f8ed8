"""Collects the nodes and the edges of the graph, each once. Pure.

A node's id is its ARN, or for what has none a text that stays the same: `producer:shop.orders`, `url:https://host/path`.
An edge's id is made of its ends and its kind, so that whoever draws the graph finds each thing where it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from nightbus.aws.arn import Arn, is_arn, last_part

BUS, RULE, SCHEDULE, ARCHIVE = "bus", "rule", "schedule", "archive"
FUNCTION, QUEUE, TOPIC, BUCKET, LOG_GROUP = "function", "queue", "topic", "bucket", "log-group"
API_DESTINATION, CONNECTION, API, ENDPOINT = "api-destination", "connection", "api", "endpoint"
PRODUCER, OTHER = "producer", "destination"

MATCHES, DELIVERS, INVOKES, FORWARDS = "matches", "delivers", "invokes", "forwards"
DEAD_LETTERS, POLLS, NOTIFIES, PUBLISHES = "dead-letters", "polls", "notifies", "publishes"
SENDS, KEEPS, USES, ON_SUCCESS, ON_FAILURE = "sends", "archives", "uses", "on-success", "on-failure"

_KIND_OF_SERVICE = {
    "lambda": FUNCTION,
    "sqs": QUEUE,
    "sns": TOPIC,
    "s3": BUCKET,
    "logs": LOG_GROUP,
}
_KIND_OF_EVENTS = {"event-bus": BUS, "api-destination": API_DESTINATION, "archive": ARCHIVE, "rule": RULE}
_OF_KIND = {FUNCTION: INVOKES, BUS: FORWARDS}


@dataclass(slots=True)
class Node:
    """`state` is the service's own word, "" for what has none, or `missing` for what others name and is not there.

    `detail` is one short text: of a schedule its expression, of an endpoint its address.
    """

    id: str
    kind: str
    name: str
    state: str = ""
    detail: str = ""
    stack: str = ""
    failing: str = ""


@dataclass(slots=True)
class Edge:
    """`kind` says what goes over it, `rule` the ARN of the rule that sends it; `state` is `disabled` or ""."""

    id: str
    source: str
    target: str
    kind: str
    rule: str = ""
    state: str = ""


class SeenEdge(NamedTuple):
    """What somebody was seen to do that no configuration says."""

    source: str
    kind: str
    target: str


@dataclass(slots=True)
class Graph:
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)

    def add(self, node: Node) -> Node:
        """What is there. A node that others named before is described now."""
        known = self.nodes.get(node.id)
        if known is None or known.state == MISSING:
            self.nodes[node.id] = node
        return self.nodes[node.id]

    def name(self, target: str) -> str:
        """The id of the node that an ARN stands for, which is drawn as missing unless it is added."""
        node_id = node_id_of(target)
        if node_id not in self.nodes:
            kind = kind_of(node_id)
            self.nodes[node_id] = Node(node_id, kind, name_of(node_id, kind), state=MISSING)
        return node_id

    def connect(self, source: str, target: str, kind: str, rule: str = "", state: str = "") -> Edge:
        source, target = self.name(source), self.name(target)
        edge = Edge(edge_id(source, kind, target), source, target, kind, rule, state)
        return self.edges.setdefault(edge.id, edge)

    def deliver(self, source: str, target: str, rule: str = "", state: str = "") -> Edge:
        """An edge to a target, of the kind that such targets have."""
        return self.connect(source, target, delivery_kind(target), rule, state)

    def outsiders(self, is_own: Iterable[str]) -> None:
        """Nodes that others name are `elsewhere`, and not missing, unless their ids begin as those of `is_own`."""
        beginnings = tuple(is_own)
        for node in self.nodes.values():
            if node.state == MISSING and not node.id.startswith(beginnings):
                node.state = ELSEWHERE


MISSING, ELSEWHERE = "missing", "elsewhere"


def edge_id(source: str, kind: str, target: str) -> str:
    return f"{source} {kind} {target}"


def delivery_kind(target: str) -> str:
    return _OF_KIND.get(kind_of(node_id_of(target)), DELIVERS)


def node_id_of(target: str) -> str:
    """A function's versions and aliases are one node, and so are all names of a log group."""
    if target.startswith("arn:") and ":function:" in target:
        return ":".join(target.split(":")[:7])
    if target.startswith("arn:") and ":log-group:" in target:
        return target.removesuffix(":*")
    return target


def kind_of(node_id: str) -> str:
    if not is_arn(node_id):
        beginning = node_id.partition(":")[0]
        return {"producer": PRODUCER, "url": ENDPOINT}.get(beginning, OTHER)
    try:
        parsed = Arn.parse(node_id)
    except ValueError:
        return OTHER
    if parsed.service == "events":
        return _KIND_OF_EVENTS.get(parsed.resource.partition("/")[0], OTHER)
    return _KIND_OF_SERVICE.get(parsed.service, OTHER)


def name_of(node_id: str, kind: str) -> str:
    if not is_arn(node_id):
        return node_id.partition(":")[2] or node_id
    if kind == LOG_GROUP:
        return node_id.partition(":log-group:")[2]
    if kind == API_DESTINATION:
        return node_id.partition(":api-destination/")[2].partition("/")[0]
    return last_part(node_id)
