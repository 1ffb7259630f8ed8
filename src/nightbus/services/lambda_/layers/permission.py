"""Says whether an account may use a layer version of another account."""

from __future__ import annotations

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.policies.callers import NO_STATEMENTS, refusal, request_by
from nightbus.policies.compiled import compiled_statements
from nightbus.services.context import Context
from nightbus.services.lambda_.records import LAYER_POLICY

GET_LAYER_VERSION = "lambda:GetLayerVersion"


async def require_layer_permission(ctx: Context, owner: Scope, key: str, arn: str) -> None:
    """Raise AwsError unless the policy of the layer version, with this ARN and this record key, admits the account."""
    record = await ctx.store.get(owner, LAYER_POLICY, key)
    statements = record.value["statements"] if record is not None else []
    policy = compiled_statements(statements, arn) or NO_STATEMENTS
    caller = ctx.caller if ctx.caller.arn else Caller.root(ctx.account)
    refused = refusal(policy, request_by(caller, GET_LAYER_VERSION, arn), owner.account)
    if refused and ctx.enforces:
        raise AwsError("AccessDeniedException", refused, 403)
