"""Makes families of what a node holds at this moment: queues, environments, files, the backlog."""

from __future__ import annotations

from pathlib import Path

from nightbus import __version__
from nightbus.delivery.rule_origin import QUEUE
from nightbus.node.metrics.families import Family, Sample, counter, gauge, histogram, limited
from nightbus.node.node import Node
from nightbus.store.interface import SYSTEM

_QUEUE = "sqs/queue"
_KINDS = {
    "bus": "events/bus",
    "rule": "events/rule",
    "archive": "events/archive",
    "function": "lambda/function",
    "queue": _QUEUE,
    "topic": "sns/topic",
    "stack": "cloudformation/stack",
    "bucket": "s3/bucket",
    "log_group": "logs/group",
}
_WORK = {
    "rule": QUEUE,
    "subscription": "sns/deliveries",
    "destination": "lambda/destinations",
    "invocation": "lambda/async",
    "bucket": "s3/notifications",
    "log-subscription": "logs/subscriptions",
}
_OF_QUEUE = ("account", "region", "queue")


async def held(node: Node) -> list[Family]:
    """Some ten statements, and one more for each queue, in the store's reading thread."""
    messages, ages = await _queues(node)
    return [
        Family("nightbus_build", "gauge", "1, with the node's version.", ("version",), [((__version__,), 1)]),
        gauge(
            "nightbus_start_time_seconds",
            "When the node started, in seconds since 1970.",
            node.started_ms / 1000,
        ),
        await _resources(node),
        *await _backlog(node),
        messages,
        ages,
        *_functions(node),
        await _store_bytes(node),
        histogram(
            "nightbus_loop_lag_seconds",
            "How late the event loop was, while metrics are read.",
            node.loop_lag.lags,
        ),
        *_spans(node),
        *_holds(node),
    ]


async def _resources(node: Node) -> Family:
    samples: list[Sample] = []
    for label, kind in _KINDS.items():
        count = 0
        for scope in await node.store.scopes(kind):
            count += await node.store.count_records(scope, kind)
        samples.append(((label,), count))
    return Family("nightbus_resources", "gauge", "What accounts have made.", ("kind",), samples)


async def _backlog(node: Node) -> list[Family]:
    now, items, age = node.clock.now_ms(), list[Sample](), list[Sample]()
    for label, queue in _WORK.items():
        counts = await node.store.count(SYSTEM, queue)
        oldest = await node.store.oldest_due(SYSTEM, queue)
        items += [
            ((label, "ready"), counts.free),
            ((label, "taken"), counts.leased),
            ((label, "later"), counts.delayed),
        ]
        age.append(((label,), max(0, now - oldest) / 1000 if oldest is not None else 0.0))
    waiting = node.store.untaken(SYSTEM, QUEUE)
    return [
        gauge(
            "nightbus_backlog",
            "Deliveries of rules that nobody began yet; PutEvents is throttled by it.",
            waiting,
        ),
        Family("nightbus_work_items", "gauge", "Work that is queued in the node.", ("work", "state"), items),
        Family(
            "nightbus_work_age_seconds",
            "gauge",
            "For how long the oldest item is due.",
            ("work",),
            age,
            "seconds",
        ),
    ]


async def _queues(node: Node) -> tuple[Family, Family]:
    now = node.clock.now_ms()
    counted: list[tuple[tuple[str, ...], float]] = []
    ages: list[tuple[tuple[str, ...], float]] = []
    for scope in sorted(await node.store.scopes(_QUEUE)):
        for record in await node.store.list(scope, _QUEUE):
            queue = await node.platform.queues.find(scope, record.key)
            if queue is None:
                continue
            counts = await node.platform.queues.count(queue)
            oldest = await node.store.oldest_due(scope, queue.queue)
            labels = (*scope, record.key)
            counted += [
                ((*labels, "visible"), counts.free),
                ((*labels, "in_flight"), counts.leased),
                ((*labels, "delayed"), counts.delayed),
            ]
            ages.append((labels, max(0, now - oldest) / 1000 if oldest is not None else 0.0))
    text = "For how long the oldest message could be received, in flight or not."
    return (
        Family(
            "nightbus_queue_messages",
            "gauge",
            "Messages of SQS queues.",
            (*_OF_QUEUE, "state"),
            limited(counted, fixed=1),
        ),
        Family(
            "nightbus_queue_oldest_message_seconds", "gauge", text, _OF_QUEUE, limited(ages, max), "seconds"
        ),
    )


def _functions(node: Node) -> list[Family]:
    running = limited(
        ((*scope, name), count)
        for (scope, name), count in sorted(node.platform.running.by_function().items())
    )
    environments: list[Sample] = [
        ((name.removeprefix("environments ").replace("of snapshots", "snapshots"),), size)
        for name, size in node.functions.in_memory().items()
        if name.startswith("environments ")
    ]
    labels = ("account", "region", "function")
    return [
        Family("nightbus_invocations_running", "gauge", "Invocations that run now.", labels, running),
        Family("nightbus_environments", "gauge", "Environments of functions.", ("state",), environments),
    ]


async def _store_bytes(node: Node) -> Family:
    """Of a store that nodes share, the bytes of each table, which every node tells."""
    if node.storage.table_sizes is not None:
        sizes = await node.storage.table_sizes()
    else:
        files = (("database", "nightbus.db"), ("log", "nightbus.db-wal"))
        sizes = {label: _size(node.folder / name) for label, name in files}
    text = "Size of the store's files: the database, and the log of commits that are not in it yet; or of its tables."
    samples: list[Sample] = [((name,), size) for name, size in sizes.items()]
    return Family("nightbus_store_bytes", "gauge", text, ("file",), samples, "bytes")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _spans(node: Node) -> list[Family]:
    """Where spans are exported."""
    if node.spans is None:
        return []
    text = "Notes of what happened that nobody took as spans in time."
    return [counter("nightbus_span_notes_dropped", text, node.spans.dropped)]


def _holds(node: Node) -> list[Family]:
    """Where NIGHTBUS_MEASURE_HOLDS is set."""
    if node.holds is None:
        return []
    text = "The longest time that the event loop was held since `/_nightbus/holds` was asked."
    return [gauge("nightbus_loop_longest_hold_seconds", text, node.holds.longest_ms / 1000, "seconds")]
