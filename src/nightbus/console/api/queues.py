"""Shows queues with their depth, and whose dead letters they hold: `/queues`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.console.api.graphs import graphs_of
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Page
from nightbus.console.failures import dead_letters_text
from nightbus.console.topology.graph import DEAD_LETTERS, ON_FAILURE, Graph
from nightbus.messaging.message import decode
from nightbus.messaging.queue import KIND, Queue, url_path
from nightbus.store.interface import Record

_OF_DEAD_LETTERS = (DEAD_LETTERS, ON_FAILURE)


class Neighbour(Answer, frozen=True):
    """What sends to a queue, or takes from it. `how` is the kind of the edge on the map."""

    kind: str
    name: str
    arn: str
    how: str


class QueueInfo(Answer, frozen=True):
    """`oldest` is when the oldest message was sent (UTC ms), None for an empty queue. `sources` are those whose dead
    letters come here: then `failing` says how many there are."""

    name: str
    arn: str
    url: str
    fifo: bool
    stack: str
    visible: int
    in_flight: int
    delayed: int
    oldest: int | None
    dead_letter_queue: str
    max_receives: int | None
    sources: list[Neighbour]
    created: int
    failing: str


class QueueList(Answer, frozen=True):
    queues: list[QueueInfo]
    next: str | None


class MoveTask(Answer, frozen=True):
    """A message move task of SQS, as ListMessageMoveTasks has it."""

    status: str
    moved: int
    to_move: int
    started: int
    destination: str
    failure: str


class QueueDetail(QueueInfo, frozen=True):
    """`senders` and `receivers` are what is deployed; `attributes` those of GetQueueAttributes."""

    attributes: dict[str, str]
    senders: list[Neighbour]
    receivers: list[Neighbour]
    move_tasks: list[MoveTask]


class QueueQuery(Page, frozen=True):
    """`prefix`: of the names."""

    prefix: Annotated[str, msgspec.Meta(max_length=80)] = ""


async def list_queues(request: ApiRequest, query: QueueQuery) -> QueueList:
    """List queues by name, with their depth."""
    records = await request.store.list(request.scope, KIND, query.prefix, query.next, query.limit + 1)
    graph = await request.kept(graphs_of).of(request.scope)
    shown = [await _info(request, graph, record) for record in records[: query.limit]]
    more = len(records) > query.limit
    return QueueList(queues=shown, next=shown[-1].name if more else None)


async def read_queue(request: ApiRequest, name: str) -> QueueDetail:
    """Show a queue: its attributes, who sends to it and takes from it, and its message move tasks."""
    record = await request.store.get(request.scope, KIND, name)
    if record is None:
        raise no_such_queue(name)
    graph = await request.kept(graphs_of).of(request.scope)
    info = await _info(request, graph, record)
    reply = await request.read("sqs", "GetQueueAttributes", QueueUrl=info.url, AttributeNames=["All"])
    tasks = await request.read("sqs", "ListMessageMoveTasks", SourceArn=info.arn, MaxResults=10)
    return QueueDetail(
        **msgspec.structs.asdict(info),
        attributes=reply.get("Attributes") or {},
        senders=neighbours(graph, to=info.arn),
        receivers=neighbours(graph, of=info.arn),
        move_tasks=[_move_task(one) for one in tasks.get("Results") or ()],
    )


async def find_queue(request: ApiRequest, name: str) -> Queue:
    """Raises AwsError where there is no such queue."""
    queue = await request.platform.queues.find(request.scope, name)
    if queue is None:
        raise no_such_queue(name)
    return queue


def no_such_queue(name: str) -> AwsError:
    return AwsError("QueueDoesNotExist", f"There is no queue {name} in this account and Region.", 404)


def queue_url(request: ApiRequest, name: str) -> str:
    return f"{request.node.endpoint}{url_path(request.scope, name)}"


def neighbours(graph: Graph, *, of: str = "", to: str = "") -> list[Neighbour]:
    """What the edges of a node lead to, or with `to` what they come from, in the order of their names."""
    found = []
    for edge in graph.edges.values():
        if edge.target == to or edge.source == of:
            node = graph.nodes[edge.source if to else edge.target]
            found.append(Neighbour(kind=node.kind, name=node.name, arn=node.id, how=edge.kind))
    return sorted(found, key=lambda one: (one.how, one.name))


async def _info(request: ApiRequest, graph: Graph, record: Record) -> QueueInfo:
    queue = Queue.of(request.scope, record)
    counts = await request.platform.queues.count(queue)
    oldest = None
    if any(counts):
        first = await request.store.peek(queue.scope, queue.queue, 1)
        oldest = decode(first[0].data).sent if first else None
    sources = [one for one in neighbours(graph, to=queue.arn) if one.how in _OF_DEAD_LETTERS]
    node = graph.nodes.get(queue.arn)
    return QueueInfo(
        name=queue.name,
        arn=queue.arn,
        url=queue_url(request, queue.name),
        fifo=queue.fifo,
        stack="" if node is None else node.stack,
        visible=counts.free,
        in_flight=counts.leased,
        delayed=counts.delayed,
        oldest=oldest,
        dead_letter_queue="" if queue.redrive is None else queue.redrive.arn,
        max_receives=None if queue.redrive is None else queue.redrive.limit,
        sources=sources,
        created=record.value["created"] * 1000,
        failing=dead_letters_text(sum(counts)) if sources else "",
    )


def _move_task(task: dict[str, object]) -> MoveTask:
    def number(name: str) -> int:
        value = task.get(name) or 0
        return value if isinstance(value, int) else 0

    return MoveTask(
        status=str(task.get("Status", "")),
        moved=number("ApproximateNumberOfMessagesMoved"),
        to_move=number("ApproximateNumberOfMessagesToMove"),
        started=number("StartedTimestamp"),
        destination=str(task.get("DestinationArn") or ""),
        failure=str(task.get("FailureReason") or ""),
    )


ROUTES: Routes = {
    "GET /queues": list_queues,
    "GET /queues/{name}": read_queue,
}
