"""Defines what the router, the dispatcher, the targets and the services exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from nightbus.aws.calls import Call, Caller, Operations, Scope
from nightbus.clock import Clock
from nightbus.delivery.buses import Buses
from nightbus.delivery.forwarding.interface import Forwarder
from nightbus.messaging.queue_writes import QueueAppender, QueueWrites
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.store.interface import Change, Enqueue, Store


class Event(NamedTuple):
    """An event as a bus accepts it: its id, and the JSON text of its envelope."""

    id: str
    text: bytes


class Matched(NamedTuple):
    """One target that an event is about to go to. `input` is transformed already, `time` UTC ms.

    `whole`: the input is the event itself.
    """

    scope: Scope
    bus: str
    rule: str
    rule_arn: str
    event_id: str
    time: int
    target: dict[str, Any]
    input: bytes
    whole: bool
    trace: str


class Audience(NamedTuple):
    """The only rules that a batch is for. `asked`: by their patterns; else they get it whatever they match."""

    rules: frozenset[str]
    asked: bool


class Batch(NamedTuple):
    """Events for one bus; `time` is when they were accepted, UTC ms. Without an audience they are for every rule.

    What has an audience is no news of the bus, and is not archived.
    """

    scope: Scope
    bus: str
    events: Sequence[Event]
    time: int
    trace: str = ""
    forwarded: bool = False  # by a rule of another bus: they go no further than this one
    request_id: str = ""
    sender: str = ""  # the account that put them
    audience: Audience | None = None
    publisher: str = ""  # the ARN of who put them


class FunctionQueue(Protocol):
    async def enqueue(
        self, arn: str, caller: Caller, request_id: str, payload: bytes, time: int, trace: str, *, whole: bool
    ) -> Enqueue | None:
        """The change that queues an asynchronous invocation of the function, its version or alias, at `time` (UTC ms).

        `whole`: the payload is an event as it is, and so JSON. None where the function is not there, does not admit the
        caller, or does not take the payload; Invoke then says why.
        """
        ...


class OpenCommit(Protocol):
    """The commit of an event, to which a target in the same store adds what it gets: to `writes`."""

    store: Store
    queues: Queues
    topics: Topics
    functions: FunctionQueue
    writes: QueueWrites

    async def forward(self, matched: Matched, scope: Scope, bus: str, event: Event) -> bool:
        """Accept the event on another bus too; False where that bus does not take it."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """One matched target of one event. `input` is what the target gets, already transformed."""

    scope: Scope
    bus: str
    rule: str
    rule_arn: str
    event_id: str
    event_time: int  # UTC ms at which the bus accepted the event
    target: dict[str, Any]  # as PutTargets took it
    input: bytes
    attempt: int  # 1 for the first
    trace: str = ""
    request_id: str = ""  # of the call that put the event, and
    invocation_id: str = ""  # of this delivery: only where its bus has a log
    stays: bool = False  # the event came from another bus, and the target is a third one


@dataclass(frozen=True, slots=True)
class Delivered:
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """`code` and `message` as the DLQ attributes ERROR_CODE and ERROR_MESSAGE would say; `permanent`: no retry.

    `not_before`: UTC ms before which the target asked not to be tried again. `status`: the HTTP status of its answer.
    """

    code: str
    message: str
    permanent: bool
    not_before: int = 0
    status: int = 0


Outcome = Delivered | Failed


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing was tried: it is not its turn before `until`, UTC ms."""

    until: int


class Invoker(Protocol):
    async def invoke(
        self, scope: Scope, arn: str, who: str, given: Mapping[str, Any], input_text: str
    ) -> Outcome | Postponed:
        """One attempt at an API destination of `scope`; `given` are the target's HttpParameters, filled from the event.

        `who` is the same for every attempt of one delivery.
        """
        ...


DeliverInline = Callable[[Matched, OpenCommit], Awaitable[str | None]]
"""What the target calls the event, which it gets within the commit; None where it cannot be delivered so."""
# scope, target, the rule's ARN, time in UTC ms
OpenAppender = Callable[[Scope, dict[str, Any], str, int, OpenCommit], QueueAppender | None]


class Overloaded(Exception):
    """More deliveries wait than the node is set to hold; nothing was accepted."""


class EventRouter(Protocol):
    async def put(self, batches: Sequence[Batch], also: Sequence[Change] = ()) -> None:
        """Match the events and commit them, what they matched, and `also`, in one; then return.

        Raises Overloaded, and Conflict of a record among `also`.
        """
        ...

    @property
    def buses(self) -> Buses: ...

    async def matching(self, scope: Scope, bus: str, text: bytes) -> list[str]:
        """The rules that would get an event of this text now."""
        ...


@dataclass(frozen=True, slots=True)
class TargetContext:
    """What a target may use. `call` has the event bus as its caller (`events.amazonaws.com`, the rule's ARN)."""

    operations: Operations
    store: Store
    clock: Clock
    call: Call
    forwarder: Forwarder
    invoker: Invoker
    router: EventRouter
