"""Carries out asynchronous invocations from their queue, many at a time.

An invocation stays in the queue until it is done: a crash in the middle of an attempt repeats that attempt, under the
same request id. The commit that ends it also queues the jobs that tell its destination and its dead-letter queue.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from nightbus.aws.errors import AwsError
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.shares import Shares
from nightbus.delivery.trace_log import ran
from nightbus.functions.interface import InvokeResult, LogPart
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.destination_jobs import (
    InvocationEnd,
    dead_letter,
    destination,
    error_of,
)
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
from nightbus.services.lambda_.invocations.running import Runnable, run, when_ready
from nightbus.services.lambda_.invocations.useful_concurrency import FunctionLine
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.settings.recursion import RECURSIVE
from nightbus.store.interface import Enqueue, Item
from nightbus.store.vault import VaultClosed

log = logging.getLogger("nightbus.lambda")
_AT_ONCE = 200
_AT_ONCE_OF_ONE = 100
_LEASE_MS = 40 * 60_000  # longer than the longest function and its start, which may take 15 minutes each


async def invoke_asynchronously(platform: Platform) -> None:
    """The worker: each function has its share."""
    shares = Shares[ItemName](_AT_ONCE, _AT_ONCE_OF_ONE)
    worker = FairWorker(platform.store, platform.clock, _LEASE_MS, shares)
    worker.add(QUEUE, partial(_work_of, platform, Plans(platform)))
    await worker.run_until_cancelled()


def _work_of(platform: Platform, plans: Plans, item: Item) -> Work:
    """Raises ValueError and the like for what cannot be read."""
    try:
        invocation = QueuedInvocation.decoded(item.data).opened(platform.vault)
    except VaultClosed as closed:
        raise ValueError(str(closed)) from closed
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
    pending = {"pending": list(attempt.jobs)} if attempt.jobs else {}
    note = ran(ref.arn, invocation.request_id, began, now, attempt.note | pending)
    changes = [after, note, *attempt.jobs.values()]
    if attempt.log is None:
        await platform.store.commit(*changes)
        return
    try:
        await platform.log_sink.write(ref.scope, attempt.log, changes)
    except Exception:
        await _write_log(platform, ref, attempt.log)
        raise


async def _write_log(platform: Platform, ref: FunctionRef, part: LogPart | None) -> None:
    """The function did run: what it logged is written on its own where the rest cannot be."""
    if part is not None:
        await platform.log_sink.write(ref.scope, part)


class _Attempt(NamedTuple):
    """`again` says when the next attempt is made, None when this was the last one; `note` what came of it, for those
    who trace it; `log` what the function logged, and `jobs` tell of its end, by the ARN of their target: both are
    written with the rest."""

    again: Again | None
    note: dict[str, Any]
    log: LogPart | None = None
    jobs: Mapping[str, Enqueue] = MappingProxyType({})

    @classmethod
    def tried_again(cls, again: Again, why: dict[str, str], log: LogPart | None = None) -> _Attempt:
        return cls(again, {"outcome": "will be tried again", "next": again.due, **why}, log)


async def _attempt(platform: Platform, plan: Plan, invocation: QueuedInvocation) -> _Attempt:
    policy, runnable = plan.policy, plan.runnable
    now = platform.clock.now_ms()
    refused = before_attempt(invocation, policy, runnable.reserved, now)
    if refused is not None:
        note = {"outcome": "failed", "code": refused.condition, "message": ""}
        return _Attempt(None, note, jobs=_end(platform, plan, invocation, refused.condition, None))
    try:
        ready = runnable if plan.is_ready else await when_ready(platform, runnable)
        result = await _run(platform, plan.line, ready, invocation)
    except Exception as error:
        log.info("%s did not run: %s", runnable.ref.qualified_arn, error)
        if isinstance(error, AwsError) and error.code == RECURSIVE:
            note = {"outcome": "failed", "code": error.code, "message": error.message}
            return _Attempt(None, note, jobs=_end(platform, plan, invocation, RECURSIVE, None))
        why = {"code": getattr(error, "code", type(error).__name__), "message": str(error)}
        return _Attempt.tried_again(after_refusal(invocation, policy, platform.clock.now_ms()), why)
    try:
        if result.error is None:
            jobs = _end(platform, plan, invocation, "Success", result)
            return _Attempt(None, {"outcome": "succeeded"}, result.unwritten, jobs)
        decision = after_error(invocation, policy, platform.clock.now_ms())
        if isinstance(decision, Discard):
            jobs = _end(platform, plan, invocation, decision.condition, result)
            return _Attempt(None, {"outcome": "failed", **error_of(result)}, result.unwritten, jobs)
    except Exception:
        await _write_log(platform, runnable.ref, result.unwritten)
        raise
    return _Attempt.tried_again(decision, error_of(result), result.unwritten)


async def _run(
    platform: Platform, line: FunctionLine, runnable: Runnable, invocation: QueuedInvocation
) -> InvokeResult:
    """Raises what `run` raises."""
    await line.enter()
    duration_ms = None
    try:
        result = await run(
            platform,
            runnable,
            invocation.payload.encode(),
            request_id=invocation.request_id,
            trace=invocation.trace,
            log_with_result=True,
        )
        duration_ms = result.duration_ms
        return result
    finally:
        line.leave(duration_ms)


def _end(
    platform: Platform,
    plan: Plan,
    invocation: QueuedInvocation,
    condition: str,
    result: InvokeResult | None,
) -> dict[str, Enqueue]:
    """The jobs that tell the destination, and the dead-letter queue, of an invocation that ended, by ARN."""
    policy, runnable = plan.policy, plan.runnable
    where = policy.on_success if condition == "Success" else policy.on_failure
    if condition != "Success":
        log.warning("gave up an event for %s: %s", runnable.ref.qualified_arn, condition)
    config = runnable.version["config"]
    dead = config.get("DeadLetterConfig", {}).get("TargetArn") if condition != "Success" else None
    if not where and not dead:
        return {}
    attempts = invocation.errors + (result is not None)
    end = InvocationEnd(invocation, condition, attempts, config["Role"], runnable.executed_version, result)
    now = platform.clock.now_ms()
    jobs = {where: destination(end, where, now)} if where else {}
    return jobs | ({dead: dead_letter(end, dead, now)} if dead and dead != where else {})
