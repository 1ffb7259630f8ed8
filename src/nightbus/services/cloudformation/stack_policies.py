"""Sets and gets the policies of stacks."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.operation_start import (
    find_existing_stack,
    no_such_stack,
    stack_records,
)
from nightbus.services.cloudformation.sources import text_from_s3
from nightbus.services.context import Context
from nightbus.stacks.planning.stack_policy import LONGEST, check_policy
from nightbus.stacks.records import put_stack


async def requested_policy(ctx: Context, body: str | None, url: str | None) -> str | None:
    """Return the policy of a request's members, or None if it has none. Raises AwsError."""
    if body is not None and url is not None:
        raise AwsError("ValidationError", "You cannot specify both StackPolicyBody and StackPolicyURL")
    text = body if url is None else await text_from_s3(ctx, url)
    if text is None:
        return None
    if len(text.encode()) > LONGEST:
        raise AwsError("ValidationError", f"Error validating stack policy: longer than {LONGEST} bytes")
    check_policy(text)
    return text


async def set_stack_policy(
    ctx: Context,
    *,
    stack_name: str,
    stack_policy_body: str | None = None,
    stack_policy_url: str | None = None,
) -> None:
    stored = await find_existing_stack(ctx, stack_name)
    policy = await requested_policy(ctx, stack_policy_body, stack_policy_url)
    if policy is None:
        raise AwsError("ValidationError", "Either StackPolicyBody or StackPolicyURL must be specified.")
    stored.value.policy = policy
    await ctx.store.commit(put_stack(ctx.scope, stored.value, stored.revision))


async def get_stack_policy(ctx: Context, *, stack_name: str) -> dict[str, Any]:
    stored = await stack_records(ctx).stack(stack_name)
    if stored is None:
        raise no_such_stack(stack_name)
    return {"StackPolicyBody": stored.value.policy or None}
