"""Adds queues and topics to the graph, with redrive policies and subscriptions."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.console.topology import graph as g
from nightbus.console.topology.graph import Graph, Node
from nightbus.console.topology.records import Records
from nightbus.messaging.queue import KIND, queue_arn, redrive_of
from nightbus.messaging.topic import SUBSCRIPTION, TOPIC, Subscription, topic_arn
from nightbus.store.interface import Record

KINDS = (KIND, TOPIC, SUBSCRIPTION)
_BY_ARN = frozenset({"sqs", "lambda", "firehose"})


def add(graph: Graph, scope: Scope, records: Records) -> None:
    for record in records[KIND]:
        own_arn = queue_arn(scope, record.key)
        graph.add(Node(own_arn, g.QUEUE, record.key))
        redrive = redrive_of(record.value["attributes"].get("RedrivePolicy"))
        if redrive is not None:
            graph.connect(own_arn, redrive.arn, g.DEAD_LETTERS)
    for record in records[TOPIC]:
        graph.add(Node(topic_arn(scope, record.key), g.TOPIC, record.key))
    for record in records[SUBSCRIPTION]:
        _add_subscription(graph, scope, record)


def _add_subscription(graph: Graph, scope: Scope, record: Record) -> None:
    subscription = Subscription.of(scope, record)
    topic = topic_arn(scope, record.key.partition(":")[0])
    endpoint = subscription.endpoint
    if subscription.protocol not in _BY_ARN:
        endpoint = graph.add(_endpoint(subscription)).id
    graph.connect(topic, endpoint, g.NOTIFIES, state="" if subscription.confirmed else "pending")
    if subscription.dead_letter_queue:
        graph.connect(topic, subscription.dead_letter_queue, g.DEAD_LETTERS)


def _endpoint(subscription: Subscription) -> Node:
    """The record has no password of an address: it is sealed elsewhere."""
    return Node(
        f"url:{subscription.protocol}:{subscription.endpoint}",
        g.ENDPOINT,
        subscription.endpoint,
        detail=subscription.protocol,
    )
