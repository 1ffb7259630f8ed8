"""Changes and applies the policy of a function, by which other principals may invoke it."""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.policies.callers import not_allowed, request_by
from nightbus.policies.document import Policy
from nightbus.services.context import Context
from nightbus.services.known_principals import named_principals
from nightbus.services.lambda_.access.policy_record import (
    bad_principal,
    check_policy_revision,
    policy_change,
    policy_document,
    statements_with_room_for,
    statements_without,
)
from nightbus.services.lambda_.errors import (
    invalid_parameter_value,
    no_resource,
    not_found,
)
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    POLICY,
    function_requirements,
    qualified_key,
    require_version,
    resource_policy_of,
)
from nightbus.store.interface import Change, Record

_INVOKE = "lambda:InvokeFunction"
_NOT_BY_URL = {"lambda:invokedviafunctionurl": "false", "lambda:functionurlauthtype": ""}


async def add_permission(
    ctx: Context,
    *,
    function_name: str,
    statement_id: str,
    action: str,
    principal: str,
    source_arn: str | None = None,
    function_url_auth_type: str | None = None,
    invoked_via_function_url: bool | None = None,
    source_account: str | None = None,
    event_source_token: str | None = None,
    qualifier: str | None = None,
    revision_id: str | None = None,
    principal_org_id: str | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    if ref.qualifier == LATEST:
        raise invalid_parameter_value("We currently do not support adding policies for $LATEST.")
    await require_version(ctx, ref)
    _check_url_members(action, function_url_auth_type, invoked_via_function_url)
    record = await _policy(ctx, ref)
    check_policy_revision(record, revision_id)
    statements = statements_with_room_for(record, statement_id)
    statement: dict[str, Any] = {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": _principal(principal),
        "Action": action,
        "Resource": ref.qualified_arn,
    }
    conditions = _conditions(
        {
            ("StringEquals", "AWS:SourceAccount"): source_account,
            ("StringEquals", "aws:PrincipalOrgID"): principal_org_id,
            ("StringEquals", "lambda:EventSourceToken"): event_source_token,
            ("StringEquals", "lambda:FunctionUrlAuthType"): function_url_auth_type,
            ("ArnLike", "AWS:SourceArn"): source_arn,
            ("Bool", "lambda:InvokedViaFunctionUrl"): _flag(invoked_via_function_url),
        }
    )
    principals = await named_principals(ctx, ctx.account, {"Statement": [statement]})
    if principals.unknown is not None:
        text = "The provided principal was invalid. Please check the principal and try again."
        raise invalid_parameter_value(text)
    if conditions:
        statement["Condition"] = conditions
    await _keep(ctx, ref, record, [*statements, statement], *principals.changes)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


def _check_url_members(action: str, auth_type: str | None, via_url: bool | None) -> None:
    if auth_type is not None and action != "lambda:InvokeFunctionUrl":
        raise invalid_parameter_value(
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
        )
    if via_url is not None and action != "lambda:InvokeFunction":
        raise invalid_parameter_value(
            "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action"
        )


async def remove_permission(
    ctx: Context,
    *,
    function_name: str,
    statement_id: str,
    qualifier: str | None = None,
    revision_id: str | None = None,
) -> None:
    ref = function_ref(ctx.scope, function_name, qualifier)
    await require_version(ctx, ref)
    record = await _policy(ctx, ref)
    if record is None:
        raise not_found("No policy is associated with the given resource.")
    check_policy_revision(record, revision_id)
    left = statements_without(record, statement_id)
    await _keep(ctx, ref, record, left)


async def get_policy(ctx: Context, *, function_name: str, qualifier: str | None = None) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    record = await _policy(ctx, ref)
    if record is None:
        raise no_resource()
    return {"Policy": policy_document(record.value["statements"]), "RevisionId": record.value["revision"]}


async def authorize(ctx: Context, ref: FunctionRef) -> None:
    """Raise AwsError if the caller is an AWS service and the function's policy does not let it invoke the function.

    Where an Authorizer judges calls, it has done so before.
    """
    caller = ctx.caller
    if caller.arn or ctx.platform.authorizer is not None:
        return
    if not admits(await resource_policy_of(ctx.platform.invocables, ref), ref, caller):
        text = not_allowed(request_by(caller, _INVOKE, ref.qualified_arn))
        raise AwsError("AccessDeniedException", text, 403)


def admits(policy: Policy, ref: FunctionRef, caller: Caller) -> bool:
    """Return whether the function's policy lets an AWS service invoke it."""
    return policy.allows(request_by(caller, _INVOKE, ref.qualified_arn, _NOT_BY_URL))


async def _policy(ctx: Context, ref: FunctionRef) -> Record | None:
    return await ctx.store.get(ref.scope, POLICY, qualified_key(ref.name, ref.qualifier))


async def _keep(
    ctx: Context, ref: FunctionRef, record: Record | None, statements: list[dict[str, Any]], *further: Change
) -> None:
    key = qualified_key(ref.name, ref.qualifier)
    change, _ = policy_change(ref.scope, POLICY, key, record, statements)
    await ctx.store.commit(*await function_requirements(ctx, ref), change, *further)


def _principal(principal: str) -> Any:
    if principal == "*":
        return "*"
    if principal.isdigit():
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if principal.startswith("arn:"):
        return {"AWS": principal}
    if "." not in principal:
        raise bad_principal()
    return {"Service": principal}


def _conditions(values: dict[tuple[str, str], str | None]) -> dict[str, dict[str, str]]:
    conditions: dict[str, dict[str, str]] = {}
    for (operator, key), value in values.items():
        if value is not None:
            conditions.setdefault(operator, {})[key] = value
    return conditions


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
