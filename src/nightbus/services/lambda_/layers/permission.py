"""Says whether an account may use a layer version of another account."""

from __future__ import annotations

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.policies.callers import NO_STATEMENTS, refusal, request_by
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.services.context import Context
from nightbus.services.lambda_.records import LAYER_POLICY

GET_LAYER_VERSION = "lambda:GetLayerVersion"


async def require_layer_permission(ctx: Context, owner: Scope, key: str, arn: str) -> None:
    """Raise AwsError unless the policy of the layer version, with this ARN and this record key, admits the account."""
    record = await ctx.store.get(owner, LAYER_POLICY, key)
    policy = NO_STATEMENTS
    if record is not None:
        policy = Policy.of_statements(record.value["statements"], PolicyKind.RESOURCE, arn)
    caller = ctx.caller if ctx.caller.arn else Caller.root(ctx.account)
    refused = refusal(policy, request_by(caller, GET_LAYER_VERSION, arn), owner.account)
    if refused:
        raise AwsError("AccessDeniedException", refused, 403)
