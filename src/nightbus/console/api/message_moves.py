"""Sends messages of a queue where they came from, or to another queue, and deletes them: `/queues/{name}/redrive`."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.console.api.graphs import graphs_of
from nightbus.console.api.messages import LARGEST_ID, MessageId, ids_of, position_of
from nightbus.console.api.queues import find_queue, neighbours, queue_url
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body
from nightbus.console.dead_letters.redrive import Outcome, delete, redrive
from nightbus.console.topology.graph import DEAD_LETTERS
from nightbus.console.topology.graph import QUEUE as QUEUE_NODE
from nightbus.messaging.queue import Queue, queue_address

log = logging.getLogger("nightbus.console")
_MOST_AT_ONCE = 1000
Chosen = Annotated[list[MessageId], msgspec.Meta(max_length=_MOST_AT_ONCE)] | Literal["all"]


class RedriveBody(Body, frozen=True):
    """`messages`: their ids, or "all". `to`: the name or the ARN of a queue; by default where they came from. `next`:
    what the answer before had, to go on with "all"."""

    messages: Chosen
    to: Annotated[str, msgspec.Meta(max_length=300)] = ""
    next: Annotated[str, msgspec.Meta(max_length=80)] = ""


class DeleteBody(Body, frozen=True):
    """`messages`: their ids, or "all", which purges the queue."""

    messages: Chosen


class NotDone(Answer, frozen=True):
    id: str
    why: str


class MoveResult(Answer, frozen=True):
    """How many messages were moved or deleted, and which were not. `left`: how many are in the queue besides. `next`
    goes on with those that were there at the first call; null when all were looked at. `task`: the handle of the
    message move task that SQS does the rest by, "" without one."""

    done: int
    failed: list[NotDone]
    left: int = 0
    task: str = ""
    next: str | None = None


async def redrive_messages(request: ApiRequest, name: str, body: RedriveBody) -> MoveResult:
    """Send messages where they came from once more, or to another queue; each one in one commit.

    What a rule gave up goes to the target that did not take it, what a function gave up is invoked anew, and what a
    queue gave up goes to that queue. "all" of a queue that only other queues name as their dead-letter queue is a
    StartMessageMoveTask of SQS, which goes on in the background. Of any other queue at most 1,000 are looked at by one
    call, the oldest first, and `next` goes on after them: what comes back meanwhile, or is delayed, is left alone.
    """
    queue = await find_queue(request, name)
    to = await _destination(request, body.to) if body.to else None
    if body.messages != "all":
        return _result(await _redrive(request, queue, ids_of(body.messages), to))
    graph = await request.kept(graphs_of).of(request.scope)
    sources = neighbours(graph, to=queue.arn)
    if sources and all(one.how == DEAD_LETTERS and one.kind == QUEUE_NODE for one in sources):
        chosen = {"DestinationArn": to.arn} if to is not None else {}
        reply = await request.change("sqs", "StartMessageMoveTask", SourceArn=queue.arn, **chosen)
        return MoveResult(done=0, failed=[], task=reply["TaskHandle"])
    began, beyond = _place(body.next) if body.next else (request.now_ms(), None)
    found = await request.store.peek(queue.scope, queue.queue, _MOST_AT_ONCE + 1, beyond=beyond)
    there = [one for one in found if one.due <= began]
    chosen_now, more = there[:_MOST_AT_ONCE], there[_MOST_AT_ONCE:]
    outcome = await _redrive(request, queue, [one.id for one in chosen_now], to)
    counts = await request.platform.queues.count(queue)
    last = chosen_now[-1] if more else None
    return _result(
        outcome,
        left=max(0, sum(counts) - len(outcome.failed)),
        next=f"{began}-{last.due}-{last.id}" if last else None,
    )


async def delete_messages(request: ApiRequest, name: str, body: DeleteBody) -> MoveResult:
    """Delete messages that nobody has received just now, or all."""
    queue = await find_queue(request, name)
    if body.messages != "all":
        outcome = await delete(request.platform, queue, ids_of(body.messages))
        await _note(request, queue, outcome, "deleted")
        return _result(outcome)
    counts = await request.platform.queues.count(queue)
    await request.change("sqs", "PurgeQueue", QueueUrl=queue_url(request, name))
    return MoveResult(done=sum(counts), failed=[])


async def _redrive(request: ApiRequest, queue: Queue, ids: list[int], to: Queue | None) -> Outcome:
    outcome = await redrive(request.platform, queue, ids, to)
    await _note(request, queue, outcome, f"moved to {to.arn}" if to else "sent where they came from")
    return outcome


async def _note(request: ApiRequest, queue: Queue, outcome: Outcome, what: str) -> None:
    """Say in the node's log who changed a queue, and where data calls are recorded, in the audit trail.

    No operation of SQS takes messages by their ids, so nothing else leaves a trace. The trail has each message as the
    DeleteMessage by which a client would take it out of the queue.
    """
    call, trail = request.call(), request.node.trail
    who = "in the console" if request.session is not None else "with the operator key"
    count = f"{outcome.done} message{'s' * (outcome.done != 1)}"
    log.info("%s of queue %s %s, %s, from %s", count, queue.arn, what, who, call.source_ip or "no address")
    if outcome.done and await trail.records_data(queue.scope, "sqs"):
        url = queue_url(request, queue.name)
        for message_id in outcome.moved:
            trail.succeeded("sqs", "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": message_id}, {}, call)


async def _destination(request: ApiRequest, text: str) -> Queue:
    address = queue_address(text) if text.startswith("arn:") else (request.scope, text)
    queue = await request.platform.queues.find(*address) if address is not None else None
    if queue is None:
        raise AwsError("QueueDoesNotExist", f"There is no queue {text}.", 404)
    return queue


def _result(outcome: Outcome, left: int = 0, next: str | None = None) -> MoveResult:
    failed = [NotDone(id=str(one), why=why) for one, why in sorted(outcome.failed.items())]
    return MoveResult(done=outcome.done, failed=failed, left=left, next=next)


def _place(text: str) -> tuple[int, tuple[int, int]]:
    """When the first call was made, and the position after which to go on. Raises AwsError."""
    began, _, rest = text.partition("-")
    position = position_of(rest)
    if position is None or not began.isdecimal() or int(began) > LARGEST_ID:
        raise AwsError("ValidationException", "`next` is not what the answer before had.")
    return int(began), position


ROUTES: Routes = {
    "POST /queues/{name}/redrive": redrive_messages,
    "POST /queues/{name}/delete": delete_messages,
}
