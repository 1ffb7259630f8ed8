"""Issues temporary credentials: a role's for a caller that its trust policy admits, and the caller's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope, Session
from nightbus.aws.errors import AwsError
from nightbus.identity.credentials import SessionCredentials
from nightbus.identity.principals import POLICY, ROLE
from nightbus.policies.aws_managed import aws_policy_arns, is_aws_managed
from nightbus.policies.grammar import check_identity_policy
from nightbus.services.context import Context
from nightbus.services.sts.session_limits import (
    Descriptors,
    Tags,
    packed_size,
    session_policies,
    session_tags,
)
from nightbus.services.sts.session_limits import source_identity as inherited_or

_HOUR = 3600
_HALF_DAY = 43_200
_ASSUME = "sts:AssumeRole"


async def assume_role(
    ctx: Context,
    *,
    role_arn: str,
    role_session_name: str,
    duration_seconds: int = _HOUR,
    external_id: str | None = None,
    policy: str | None = None,
    policy_arns: Descriptors = (),
    tags: Tags = (),
    transitive_tag_keys: Sequence[str] = (),
    source_identity: str | None = None,
) -> dict[str, Any]:
    role = await _role(ctx, role_arn)
    if role is None:  # the Authorizer has judged the trust policy of one that exists
        raise _not_authorized(ctx, _ASSUME, role_arn)
    if duration_seconds > role["MaxSessionDuration"]:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise AwsError("ValidationError", text)
    if duration_seconds > _HOUR and ":assumed-role/" in ctx.caller.arn:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise AwsError("ValidationError", text)
    chained = ctx.caller.session
    policies = await _checked_policies(ctx, policy, policy_arns, role["Arn"].split(":")[4])
    passed, transitive = session_tags(tags, transitive_tag_keys, chained)
    session = Session(
        role=role["Arn"],
        role_id=role["RoleId"],
        policies=policies,
        tags=passed,
        transitive=transitive,
        source_identity=inherited_or(source_identity, chained),
    )
    packed = packed_size(session)
    expiration = ctx.now_ms() + duration_seconds * 1000
    issued = ctx.platform.credentials.issue(
        role["Arn"], role["RoleId"], role_session_name, expiration, session
    )
    return {
        "Credentials": _credentials_reply(issued),
        "AssumedRoleUser": {"AssumedRoleId": issued.user_id, "Arn": issued.arn},
        "PackedPolicySize": packed,
        "SourceIdentity": session.source_identity or None,
    }


async def get_session_token(ctx: Context, *, duration_seconds: int | None = None) -> dict[str, Any]:
    if ctx.caller.session is not None:
        raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    is_root = ctx.caller.arn.endswith(":root")
    seconds = duration_seconds or (_HOUR if is_root else _HALF_DAY)
    if is_root:  # AWS documents that longer ones are cut to an hour
        seconds = min(seconds, _HOUR)
    issued = ctx.platform.credentials.issue_for(ctx.caller, ctx.now_ms() + seconds * 1000)
    return {"Credentials": _credentials_reply(issued)}


async def get_federation_token(
    ctx: Context,
    *,
    name: str,
    policy: str | None = None,
    policy_arns: Descriptors = (),
    duration_seconds: int = _HALF_DAY,
    tags: Tags = (),
) -> dict[str, Any]:
    """Issue credentials of a federated user: what the calling user and the session policies both allow."""
    if ctx.caller.session is not None:
        raise AwsError("AccessDenied", "Cannot call GetFederationToken with session credentials", 403)
    policies = await _checked_policies(ctx, policy, policy_arns, ctx.caller.account)
    passed, _ = session_tags(tags, (), None)
    session = Session(
        role="", policies=policies, tags=passed, parent=ctx.caller.arn, parent_id=ctx.caller.user_id
    )
    packed = packed_size(session)
    seconds = min(duration_seconds, _HOUR) if ctx.caller.arn.endswith(":root") else duration_seconds
    issued = ctx.platform.credentials.issue_federated(session, name, ctx.now_ms() + seconds * 1000)
    return {
        "Credentials": _credentials_reply(issued),
        "FederatedUser": {"FederatedUserId": issued.user_id, "Arn": issued.arn},
        "PackedPolicySize": packed,
    }


async def _checked_policies(
    ctx: Context, policy: str | None, policy_arns: Descriptors, account: str
) -> tuple[str, ...]:
    """Return the session policies. Raises AwsError for an invalid document, or a policy that is not in the account."""
    policies = session_policies(policy, policy_arns)
    if policy is not None:
        check_identity_policy(policy)
    for one in policy_arns:
        if not await _is_there(ctx, one["arn"], account):
            raise AwsError("ValidationError", f"Policy {one['arn']} does not exist or is not attachable.")
    return policies


async def _is_there(ctx: Context, arn: str, account: str) -> bool:
    if is_aws_managed(arn):
        return arn in aws_policy_arns(ctx.region)
    record = await ctx.store.get(Scope(account, ""), POLICY, arn.rsplit("/", 1)[-1].lower())
    return record is not None and record.value["Arn"] == arn


def _not_authorized(ctx: Context, action: str, role_arn: str) -> AwsError:
    text = f"User: {ctx.caller.arn or ctx.caller.service} is not authorized to perform: {action}"
    return AwsError("AccessDenied", f"{text} on resource: {role_arn}", 403)


async def _role(ctx: Context, role_arn: str) -> dict[str, Any] | None:
    """Return the role's record in the account that its ARN names, None if there is no such role."""
    try:
        arn = Arn.parse(role_arn)
    except ValueError as broken:
        raise AwsError("ValidationError", f"{role_arn} is invalid") from broken
    if arn.service != "iam" or not arn.resource.startswith("role/"):
        raise AwsError("ValidationError", f"{role_arn} is invalid")
    name = arn.resource.rsplit("/", 1)[-1]
    record = await ctx.store.get(Scope(arn.account, ""), ROLE, name.lower())
    return record.value if record is not None and record.value["Arn"] == role_arn else None


def _credentials_reply(issued: SessionCredentials) -> dict[str, Any]:
    return {
        "AccessKeyId": issued.access_key,
        "SecretAccessKey": issued.secret_key,
        "SessionToken": issued.session_token,
        "Expiration": datetime.fromtimestamp(issued.expiration // 1000, UTC),
    }
