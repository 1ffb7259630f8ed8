"""What do the router, the dispatcher and the targets say to one another, and what do services know of them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nightbus.aws.calls import Call, Operations, Scope
from nightbus.clock import Clock
from nightbus.store.interface import Store


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


@dataclass(frozen=True, slots=True)
class Delivered:
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """`code` and `message` as the DLQ attributes ERROR_CODE and ERROR_MESSAGE would say; `permanent`: no retry."""

    code: str
    message: str
    permanent: bool


Outcome = Delivered | Failed


@dataclass(frozen=True, slots=True)
class TargetContext:
    """What a target may use. `call` has the event bus as its caller (`events.amazonaws.com`, the rule's ARN)."""

    operations: Operations
    store: Store
    clock: Clock
    call: Call


class EventRouter(Protocol):
    async def put(self, scope: Scope, bus: str, events: Sequence[dict[str, Any]], trace: str = "") -> None:
        """Match the envelopes (complete, `id` included) and commit them with their deliveries; then return."""
        ...

    async def rules_changed(self, scope: Scope, bus: str) -> None:
        """The bus's rules or targets were changed in the store; match by the new ones from now on."""
        ...

    async def explain(self, scope: Scope, event_id: str, rule: str | None = None) -> dict[str, Any]:
        """What became of the event: `event`, and per rule matched or why not, with the deliveries' outcomes.

        Raises AwsError ResourceNotFoundException when the history holds no such event.
        """
        ...
