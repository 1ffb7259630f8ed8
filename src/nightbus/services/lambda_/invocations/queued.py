"""Decides what becomes of a queued invocation after an attempt. Pure.

AWS's schedule: after an error of the function two more attempts, one and two minutes later; after a throttle or an
error of the platform again and again with growing pauses; in both cases until the event is too old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.services.lambda_.names import FunctionRef
from nightbus.store.interface import SYSTEM, Enqueue
from nightbus.store.vault import Vault

QUEUE = "lambda/async"
_PAUSES_MS = (60_000, 120_000)
_SHORTEST_BACKOFF_MS = 1_000
_LONGEST_BACKOFF_MS = 300_000


@dataclass(frozen=True, slots=True)
class QueuedInvocation:
    """`accepted` is UTC ms; `errors` counts attempts that the function failed, `refusals` those that never ran.

    Where the payload is confidential, the queue has it `sealed` by the vault, and `opened` brings it back.
    """

    account: str
    region: str
    name: str
    qualifier: str
    request_id: str
    payload: str
    accepted: int
    trace: str = ""
    errors: int = 0
    refusals: int = 0
    sealed: str = ""

    @classmethod
    def decoded(cls, data: bytes) -> QueuedInvocation:
        return cls(**orjson.loads(data))

    @classmethod
    def taken(
        cls, ref: FunctionRef, request_id: str, payload: bytes, now: int, trace: str
    ) -> QueuedInvocation:
        account, region = ref.scope
        return cls(account, region, ref.name, ref.qualifier, request_id, payload.decode(), now, trace)

    @property
    def ref(self) -> FunctionRef:
        return FunctionRef(Scope(self.account, self.region), self.name, self.qualifier)

    def encoded(self) -> bytes:
        return orjson.dumps(replace(self, payload="") if self.sealed else self)

    def opened(self, vault: Vault) -> QueuedInvocation:
        """Raises VaultClosed."""
        return replace(self, payload=vault.open(self.sealed).decode()) if self.sealed else self


@dataclass(frozen=True, slots=True)
class Policy:
    """The function's settings of asynchronous invocation."""

    retries: int = 2
    longest_age_ms: int = 21_600_000
    on_success: str = ""
    on_failure: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Policy:
        destinations = config.get("DestinationConfig", {})
        return cls(
            config.get("MaximumRetryAttempts", 2),
            config.get("MaximumEventAgeInSeconds", 21_600) * 1000,
            destinations.get("OnSuccess", {}).get("Destination", ""),
            destinations.get("OnFailure", {}).get("Destination", ""),
        )


@dataclass(frozen=True, slots=True)
class Again:
    """Try `invocation` again at `due` (UTC ms)."""

    due: int
    invocation: QueuedInvocation


@dataclass(frozen=True, slots=True)
class Discard:
    """`condition` is what the invocation record says."""

    condition: str


def before_attempt(
    invocation: QueuedInvocation, policy: Policy, reserved: int | None, now: int
) -> Discard | None:
    """Return why the invocation is discarded without an attempt, None where it is tried."""
    if now - invocation.accepted > policy.longest_age_ms:
        return Discard("EventAgeExceeded")
    if reserved == 0:
        return Discard("ZeroReservedConcurrency")
    return None


def after_error(invocation: QueuedInvocation, policy: Policy, now: int) -> Again | Discard:
    """Return what follows an attempt that the function failed."""
    failed = replace(invocation, errors=invocation.errors + 1)
    if failed.errors > policy.retries:
        return Discard("RetriesExhausted")
    pause = _PAUSES_MS[min(failed.errors, len(_PAUSES_MS)) - 1]
    return Again(_no_later_than_its_end(now + pause, failed, policy), failed)


def after_refusal(invocation: QueuedInvocation, policy: Policy, now: int) -> Again:
    """Return when it is tried again, where the function did not run: it was throttled, or the platform failed."""
    refused = replace(invocation, refusals=invocation.refusals + 1)
    pause = min(_SHORTEST_BACKOFF_MS << min(invocation.refusals, 20), _LONGEST_BACKOFF_MS)
    return Again(_no_later_than_its_end(now + pause, refused, policy), refused)


def _no_later_than_its_end(due: int, invocation: QueuedInvocation, policy: Policy) -> int:
    """An event that grows too old before its next attempt is discarded when it is, not when it would be tried."""
    return min(due, invocation.accepted + policy.longest_age_ms + 1)


def enqueue(invocation: QueuedInvocation) -> Enqueue:
    return Enqueue(SYSTEM, QUEUE, invocation.encoded(), invocation.accepted)
