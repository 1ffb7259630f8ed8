"""Sends chosen messages of a queue where they came from once more, or to another queue, or deletes them.

A message goes in one commit: it leaves its queue in the very commit that sends it, so that a node that is killed
neither loses nor doubles it. The message is leased for that, so nobody else has it meanwhile; one that somebody has is
left alone. Where it goes, without a chosen destination:

- what a rule gave up: the event to the target that did not take it, and to no other one;
- what a function gave up: to the function, as a new asynchronous invocation of the same payload;
- what another queue gave up: to that queue, as StartMessageMoveTask does;
- what a subscription of a topic gave up: to that subscriber, and to no other one.

Whoever may send to the queue can write what a dead letter says of itself. So it goes only to a rule's target or a
function whose dead letters go to this very queue: its owner has let the queue's senders that near.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.trace_header import segment_of
from nightbus.console.dead_letters.notifications import undelivered_in
from nightbus.console.dead_letters.reasons import FUNCTION, QUEUE, RULE, Reason, reason_of
from nightbus.delivery.interface import Audience, Batch, Event, Overloaded
from nightbus.delivery.rules import DEFAULT_BUS, rule_key
from nightbus.delivery.rules import RULE as RULE_RECORD
from nightbus.delivery.trace_log import recorded_runs
from nightbus.messaging.message import Message, decode
from nightbus.messaging.queue import Queue
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.queued import Policy, QueuedInvocation, enqueue
from nightbus.services.lambda_.invocations.running import Runnable, find_runnable
from nightbus.services.lambda_.names import function_ref
from nightbus.services.lambda_.records import EVENT_INVOKE
from nightbus.services.sqs.move_tasks import moved_back, target_of
from nightbus.store.interface import Change, Conflict, Item, QueuedItem, StaleLease

_LEASE_MS = 30_000
_BUSY = "Somebody has the message now; it may be moved when its visibility timeout is over."
_GONE = "The message is gone."
_NO_WAY = "The message does not say where it came from: choose a queue."
_REASONS = {
    "AWS.SimpleQueueService.NonExistentQueue": "The queue that it came from does not exist, or is of another type.",
    "CouldNotDetermineMessageSource": _NO_WAY,
}


@dataclass(slots=True)
class Outcome:
    """Which messages were moved or deleted, by SQS's ids, and by the id of each other one why not."""

    moved: list[str] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return len(self.moved)


class Refused(Exception):
    """Why a message stays where it is."""


Settle = Callable[[Message, Change], Awaitable[None]]


async def redrive(platform: Platform, queue: Queue, ids: Sequence[int], to: Queue | None = None) -> Outcome:
    """Send these messages of `queue` on, to where they came from or to the queue `to`."""

    async def send(message: Message, gone: Change) -> None:
        if to is not None:
            if to.fifo != queue.fifo:
                raise Refused("Both queues must be FIFO queues, or none of them.")
            await platform.store.commit(gone, moved_back(to, message, platform.clock.now_ms()))
            return
        await _send_back(platform, queue, message, gone)

    return await _each(platform, queue, ids, send)


async def delete(platform: Platform, queue: Queue, ids: Sequence[int]) -> Outcome:
    async def drop(_message: Message, gone: Change) -> None:
        await platform.store.commit(gone)

    return await _each(platform, queue, ids, drop)


async def _each(platform: Platform, queue: Queue, ids: Sequence[int], settle: Settle) -> Outcome:
    outcome = Outcome()
    seen = await platform.store.peek(queue.scope, queue.queue, len(ids), items=ids) if ids else []
    outcome.failed = dict.fromkeys(set(ids) - {one.id for one in seen}, _GONE)
    for one in seen:
        try:
            await _settle_one(platform, queue, one, settle)
            outcome.moved.append(decode(one.data).id)
        except Refused as refusal:
            outcome.failed[one.id] = str(refusal)
    return outcome


async def _settle_one(platform: Platform, queue: Queue, one: QueuedItem, settle: Settle) -> None:
    """Raises Refused; the message is visible again then."""
    store, group = platform.store, one.group if queue.fifo else None
    item = await store.lease_one(queue.scope, queue.queue, one.id, _LEASE_MS, group)
    if item is None:
        raise Refused(_BUSY)
    try:
        await settle(decode(item.data), platform.queues.delete(queue, item.id, item.token))
    except BaseException as failure:
        await _give_back(platform, item)
        if isinstance(failure, StaleLease):
            raise Refused(_GONE) from None
        if isinstance(failure, Conflict):
            raise Refused("Something that it depends on was changed meanwhile.") from None
        if isinstance(failure, Overloaded):
            raise Refused("The node has more deliveries waiting than it holds; try again.") from None
        raise


async def _give_back(platform: Platform, item: Item) -> None:
    with contextlib.suppress(Exception):
        await platform.store.change_lease(*item.queue, item.id, platform.clock.now_ms(), item.token)


async def _send_back(platform: Platform, queue: Queue, message: Message, gone: Change) -> None:
    reason = reason_of(message)
    if reason is not None and reason.by == RULE:
        await _to_rule(platform, queue, message, reason, gone)
    elif reason is not None and reason.by == FUNCTION:
        await _to_function(platform, queue, message, reason, gone)
    elif reason is not None and reason.by == QUEUE:
        target = await target_of(platform, None, message, queue)
        if isinstance(target, str):
            raise Refused(_REASONS.get(target, target))
        await platform.store.commit(gone, moved_back(target, message, platform.clock.now_ms()))
    elif (undelivered := await undelivered_in(platform.store, queue, message)) is not None:
        await platform.store.commit(gone, undelivered.again(platform.clock.now_ms()))
    else:
        raise Refused(_NO_WAY)


async def _to_rule(platform: Platform, queue: Queue, message: Message, reason: Reason, gone: Change) -> None:
    """As a replay to this rule alone: the rule's pattern is not asked, since it matched the event before."""
    rule = Arn.parse(reason.source)
    path = rule.resource.removeprefix("rule/")
    bus, _, name = path.rpartition("/")
    scope, bus = Scope(rule.account, rule.region), bus or DEFAULT_BUS
    record = await platform.store.get(scope, RULE_RECORD, rule_key(bus, name))
    if record is None:
        raise Refused(f"The rule {name} does not exist any more.")
    targets = [one for one in record.value.get("Targets", ()) if one["Arn"] == reason.target]
    if not targets:
        raise Refused(f"The rule {name} has no target {reason.target} any more.")
    if queue.arn not in {one.get("DeadLetterConfig", {}).get("Arn") for one in targets}:
        raise Refused(f"The rule {name} does not send dead letters of {reason.target} here: choose a queue.")
    if not reason.event_id:
        raise Refused("The message has not the event itself: its rule is to transform it.")
    audience = Audience(frozenset({name}), by_pattern=False, targets=frozenset({reason.target}))
    event = Event(reason.event_id, message.body.encode())
    batch = Batch(scope, bus, [event], platform.clock.now_ms(), audience=audience)
    await platform.router.put([batch], [gone])


async def _to_function(
    platform: Platform, queue: Queue, message: Message, reason: Reason, gone: Change
) -> None:
    """The invocation is a new one: the old one has ended."""
    arn = reason.source or await _function_of(platform, reason.request_id)
    if not arn:
        raise Refused("Which function was invoked is not known any more: choose a queue.")
    parsed = Arn.parse(arn)
    ref = function_ref(Scope(parsed.account, parsed.region), arn)
    try:
        runnable = await find_runnable(platform.invocables, ref)
    except AwsError as error:
        raise Refused(error.message) from None
    if queue.arn not in await _dead_letter_arns(platform, runnable):
        raise Refused(f"The function {ref.name} does not send what fails here: choose a queue.")
    payload = (reason.payload or message.body).encode()
    now = platform.clock.now_ms()
    invocation = QueuedInvocation.taken(ref, new_uuid(), payload, now, "")
    await platform.store.commit(gone, enqueue(invocation))


async def _dead_letter_arns(platform: Platform, runnable: Runnable) -> set[str]:
    """Where the function's asynchronous invocations go that fail, by the settings of all its versions and aliases."""
    ref, config = runnable.ref, runnable.version["config"]
    settings = await platform.store.list(ref.scope, EVENT_INVOKE, prefix=f"{ref.name}:")
    return {
        config.get("DeadLetterConfig", {}).get("TargetArn", ""),
        *(Policy.of(one.value["config"]).on_failure for one in settings),
    }


async def _function_of(platform: Platform, request_id: str) -> str:
    """Of an invocation whose function's dead-letter queue names only its id."""
    runs = await recorded_runs(platform.store, segment_of(request_id))
    return next((str(one["function"]) for one in runs if one["request_id"] == request_id), "")
