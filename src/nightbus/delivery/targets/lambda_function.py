"""Invokes a function asynchronously; Lambda itself keeps the invocation and retries it.

The event's own commit queues the invocation. Where that cannot be, Invoke is called.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_invocation_id
from nightbus.delivery.buses import caller_for_rule
from nightbus.delivery.interface import Matched, OpenCommit
from nightbus.delivery.jobs import Delivered, Job, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed
from nightbus.delivery.trace_log import invoked
from nightbus.policies.request import Need


async def deliver_inline(matched: Matched, commit: OpenCommit) -> str | None:
    """The id of the invocation's request; None when the function would not take it, which Lambda then says why."""
    role, arn = matched.target.get("RoleArn"), matched.target["Arn"]
    if role and not await commit.admits(matched, Need("lambda:InvokeFunction", arn)):
        return None
    caller = caller_for_rule(matched.scope.account, matched.rule_arn, role)
    request_id = new_invocation_id(matched.time)
    queued = await commit.functions.enqueue(
        arn,
        caller,
        request_id,
        matched.input,
        matched.time,
        matched.trace,
        whole=matched.whole,
    )
    if queued is None:
        return None
    commit.writes.changes += (queued, invoked(matched, request_id))
    return request_id


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    request = {
        "FunctionName": job.target["Arn"],
        "InvocationType": "Event",
        "Payload": job.input,
    }
    try:
        await ctx.operations.call("lambda", "Invoke", request, ctx.call)
    except AwsError as error:
        return failed(error)
    return Delivered(ctx.call.request_id)
