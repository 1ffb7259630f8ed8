"""Defines what the router, the targets of this store and the services exchange about an event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from typing import Any, NamedTuple, Protocol

from nightbus.aws.calls import Caller, Scope
from nightbus.delivery.buses import Buses
from nightbus.messaging.queue_writes import QueueAppender, QueueWrites
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.policies.request import Need
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
    """The only rules that a batch is for. `by_pattern`: those of them whose patterns match; else all of them.

    `targets`: by their ARNs, the only targets of these rules; empty for all.
    """

    rules: frozenset[str]
    by_pattern: bool
    targets: frozenset[str] = frozenset()


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
        service, or does not take the payload; Invoke then says why. A role's own policies are asked before.
        """
        ...


class OpenCommit(Protocol):
    """The commit of an event, to which a target in the same store adds what it gets: to `writes`."""

    store: Store
    queues: Queues
    topics: Topics
    functions: FunctionQueue
    writes: QueueWrites

    async def admits(self, matched: Matched, need: Need) -> bool:
        """Return whether the role of the rule's target may do this; for a target with a role."""
        ...

    async def forward(self, matched: Matched, scope: Scope, bus: str, event: Event) -> bool:
        """Accept the event on another bus too; False where that bus does not take it."""
        ...


DeliverInline = Callable[[Matched, OpenCommit], Awaitable[str | None]]
"""What the target calls the event, which it gets within the commit; None where it cannot be delivered so."""
# scope, target, the rule's ARN, time in UTC ms
OpenAppender = Callable[[Scope, dict[str, Any], str, int, OpenCommit], QueueAppender | None]


class Overloaded(Exception):
    """More deliveries wait than the node is set to hold; nothing was accepted."""


class CallRules(NamedTuple):
    """Of the rules of a bus: whether there are any, the names of those that get CloudTrail's events of read-only calls
    too, and of those whose patterns are about CloudTrail's events."""

    exist: bool
    taking_reads: Set[str]
    naming_calls: Set[str]


class EventRouter(Protocol):
    async def put(self, batches: Sequence[Batch], also: Sequence[Change] = ()) -> None:
        """Match the events and commit them, what they matched, and `also`, in one; then return.

        Raises Overloaded, Conflict of a record among `also`, and Contended.
        """
        ...

    @property
    def buses(self) -> Buses: ...

    async def rules_for_calls(self, scope: Scope, bus: str) -> CallRules:
        """What is to be known of a bus's rules before the event of a call is made."""
        ...

    async def matching(self, scope: Scope, bus: str, text: bytes) -> list[str]:
        """The rules that would get an event of this text now."""
        ...
