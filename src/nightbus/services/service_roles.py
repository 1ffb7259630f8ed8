"""Decides as whom services work for a caller, first of all CloudFormation: in a service role, or in the caller's name.

A role that an operation names stays the stack's for all later operations, also of callers who may not pass it. Nested
stacks work as their parent does.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
"""

from __future__ import annotations

import re
from dataclasses import replace

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.stacks.records import SERVICE, SESSION_NAME, is_stack_id

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/[\w+=,.@/-]+", re.ASCII)


async def service_role(ctx: Context, requested: str | None, present: str, source_arn: str) -> str:
    """Return the ARN of the role of an operation, "" for none, by the role that it names and the present one.

    `source_arn` is the stack, for conditions of the role's trust policy. Raises AwsError for a role that CloudFormation
    cannot assume.
    """
    caller = ctx.caller
    by_parent = caller.service == SERVICE and is_stack_id(caller.source_arn)
    role = role_of(caller) if by_parent else requested or present
    if role:
        await check_role(ctx, role, source_arn)
    return role


def role_of(caller: Caller) -> str:
    """Return the ARN of the role in which CloudFormation itself calls, "" if somebody else calls."""
    session = caller.session
    return session.role if session is not None and session.assumed_by == SERVICE else ""


async def check_role(ctx: Context, role: str, source_arn: str) -> None:
    """Raise AwsError unless the role is one of the account whose trust policy admits CloudFormation."""
    named = ROLE_ARN.fullmatch(role)
    if named is None:
        raise AwsError("ValidationError", f"{role} is not a valid RoleARN")
    if named[1] != ctx.account:
        raise AwsError("ValidationError", "Cross-account pass role is not allowed.")
    if not await may_assume(ctx, role, SERVICE, source_arn):
        raise AwsError("ValidationError", f"Role {role} is invalid or cannot be assumed")


async def may_assume(ctx: Context, role: str, service: str, source_arn: str) -> bool:
    """Return whether the AWS service may assume the role for the resource `source_arn` of the call's account."""
    authorizer = ctx.platform.authorizer
    by_service = replace(ctx.call, caller=Caller.for_service(ctx.account, service, source_arn), via=())
    return authorizer is None or await authorizer.is_assumable(role, by_service, ctx.handles)


def working_in(ctx: Context, role: str, source_arn: str) -> Context:
    """Return the context of what CloudFormation reads for the stack `source_arn`: in the role, if there is one."""
    if not role:
        return ctx
    return replace(
        ctx, call=replace(ctx.call, caller=Caller.in_role(role, SESSION_NAME, SERVICE, source_arn))
    )
