"""Assumes roles for the work of stacks, by STS, which asks the policies of the assumer and of the role."""

from __future__ import annotations

from nightbus.aws.calls import Call, Caller, Operations, Session


async def assume_role(operations: Operations, call: Call, role_arn: str, session_name: str) -> Caller:
    """Return a session of the role, which the caller of `call` assumes. Raises AwsError if it may not."""
    request = {"RoleArn": role_arn, "RoleSessionName": session_name}
    user = (await operations.call("sts", "AssumeRole", request, call))["AssumedRoleUser"]
    session = Session(role_arn, role_id=user["AssumedRoleId"].split(":")[0])
    return Caller(role_arn.split(":")[4], user["Arn"], user["AssumedRoleId"], session=session)
