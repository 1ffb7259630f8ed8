"""Carries out asynchronous invocations from their queue, many at a time.

An invocation stays in the queue until it is done: a crash in the middle of an attempt repeats that attempt, under the
same request id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.delivery.fair_worker import FairWorker, Work
from nightbus.delivery.shares import Shares
from nightbus.delivery.trace_log import ran
from nightbus.functions.interface import InvokeResult, LogPart
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.destinations import Outcome, bury, error_told, tell
from nightbus.services.lambda_.invocations.plans import Plan, Plans
from nightbus.services.lambda_.invocations.queued import (
    QUEUE,
    Again,
    Discard,
    QueuedInvocation,
    after_error,
    after_refusal,
    before_attempt,
)
from nightbus.services.lambda_.invocations.running import run
from nightbus.services.lambda_.names import FunctionRef
from nightbus.store.interface import Item

log = logging.getLogger("nightbus.lambda")
_AT_ONCE = 200
_AT_ONCE_OF_ONE = 100
_LEASE_MS = 40 * 60_000  # longer than the longest function and its start, which may take 15 minutes each


async def invoke_asynchronously(platform: Platform) -> None:
    """The worker: each function has its share."""
    shares = Shares(_AT_ONCE, _AT_ONCE_OF_ONE)
    work_of = partial(_work_of, platform, Plans(platform.invocables))
    worker = FairWorker(platform.store, platform.clock, QUEUE, _LEASE_MS, shares, work_of)
    await worker.run_until_cancelled()


def _work_of(platform: Platform, plans: Plans, item: Item) -> Work:
    """Raises ValueError and the like for what cannot be read."""
    invocation = QueuedInvocation.decoded(item.data)
    ref = invocation.ref
    return Work(ref.arn, partial(_run_once, platform, plans, item, invocation, ref))


async def _run_once(
    platform: Platform, plans: Plans, item: Item, invocation: QueuedInvocation, ref: FunctionRef, _late: bool
) -> None:
    began = platform.clock.now_ms()
    try:
        attempt = await _attempt(platform, await plans.find(ref), invocation)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        log.warning("dropped an event for %s: %s", ref.qualified_arn, error.message)
        attempt = _Attempt(None, {"outcome": "failed", "code": error.code, "message": error.message})
    now, again = platform.clock.now_ms(), attempt.again
    after = item.acknowledge() if again is None else item.give_back(again.due, again.invocation.encoded())
    noted = ran(ref.arn, invocation.request_id, began, now, attempt.told)
    if attempt.log is None:
        await platform.store.commit(after, noted)
        return
    try:
        await platform.log_sink.write(ref.scope, attempt.log, [after, noted])
    except Exception:
        await _write_log(platform, ref, attempt.log)
        raise


async def _write_log(platform: Platform, ref: FunctionRef, part: LogPart | None) -> None:
    """The function did run: what it logged is written on its own where the rest cannot be."""
    if part is not None:
        await platform.log_sink.write(ref.scope, part)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """When it is to be tried again, or None when it is done; what came of it, for who traces it; and what the function
    logged, which is written with both."""

    again: Again | None
    told: dict[str, Any] = field(default_factory=dict)
    log: LogPart | None = None

    @classmethod
    def tried_again(cls, again: Again, why: dict[str, str], log: LogPart | None = None) -> _Attempt:
        return cls(again, {"outcome": "will be tried again", "next": again.due, **why}, log)


async def _attempt(platform: Platform, plan: Plan, invocation: QueuedInvocation) -> _Attempt:
    policy, runnable = plan.policy, plan.runnable
    now = platform.clock.now_ms()
    refused = before_attempt(invocation, policy, runnable.reserved, now)
    if refused is not None:
        sent = await _finish(platform, plan, invocation, refused.condition, None)
        return _Attempt(None, {"outcome": "failed", "code": refused.condition, "message": "", **sent})
    try:
        result = await run(
            platform,
            runnable,
            invocation.payload.encode(),
            request_id=invocation.request_id,
            trace=invocation.trace,
            log_with_result=True,
            spec=plan.spec,
        )
    except Exception as error:
        log.info("%s did not run: %s", runnable.ref.qualified_arn, error)
        why = {"code": getattr(error, "code", type(error).__name__), "message": str(error)}
        return _Attempt.tried_again(after_refusal(invocation, policy, platform.clock.now_ms()), why)
    try:
        if result.error is None:
            sent = await _finish(platform, plan, invocation, "Success", result)
            return _Attempt(None, {"outcome": "succeeded", **sent}, result.unwritten)
        decision = after_error(invocation, policy, platform.clock.now_ms())
        if isinstance(decision, Discard):
            sent = await _finish(platform, plan, invocation, decision.condition, result)
            return _Attempt(None, {"outcome": "failed", **error_told(result), **sent}, result.unwritten)
    except Exception:
        await _write_log(platform, runnable.ref, result.unwritten)
        raise
    return _Attempt.tried_again(decision, error_told(result), result.unwritten)


async def _finish(
    platform: Platform,
    plan: Plan,
    invocation: QueuedInvocation,
    condition: str,
    result: InvokeResult | None,
) -> dict[str, Any]:
    """`sent_to`: the destination and the dead-letter queue that took it; `not_sent`: what did not, and why."""
    policy, runnable = plan.policy, plan.runnable
    destination = policy.on_success if condition == "Success" else policy.on_failure
    if condition != "Success":
        log.warning("gave up an event for %s: %s", runnable.ref.qualified_arn, condition)
    config = runnable.version["config"]
    dead = config.get("DeadLetterConfig", {}).get("TargetArn") if condition != "Success" else None
    if not destination and not dead:
        return {}
    attempts = invocation.errors + (result is not None)
    outcome = Outcome(invocation, condition, attempts, config["Role"], runnable.executed_version, result)
    took, refused = [], []
    for send, where in ((tell, destination), (bury, dead)):
        if where:
            try:
                await send(platform, where, outcome)
                took.append(where)
            except AwsError as error:
                log.warning("%s did not take a record of %s: %s", where, invocation.request_id, error)
                refused.append({"to": where, "why": f"{error.code} {error.message}"})
    return {name: made for name, made in (("sent_to", took), ("not_sent", refused)) if made}
