"""Changes and applies the policy of a function, by which other principals may invoke it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.resource_policy import PolicyRequest, Statement, is_allowed
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import (
    conflict,
    invalid_parameter_value,
    no_resource,
    not_found,
    wrong_revision,
)
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    POLICY,
    function_requirements,
    policy_statements,
    qualified_key,
    require_version,
)
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_MOST_BYTES = 20_480
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
    _check_revision(record, revision_id)
    statements = record.value["statements"] if record else []
    if any(one["Sid"] == statement_id for one in statements):
        raise conflict(
            f"The statement id ({statement_id}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
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
    if conditions:
        statement["Condition"] = conditions
    await _keep(ctx, ref, record, [*statements, statement])
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
    _check_revision(record, revision_id)
    left = [one for one in record.value["statements"] if one["Sid"] != statement_id]
    if len(left) == len(record.value["statements"]):
        raise not_found(f"Statement {statement_id} is not found in resource policy.")
    await _keep(ctx, ref, record, left)


async def get_policy(ctx: Context, *, function_name: str, qualifier: str | None = None) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    record = await _policy(ctx, ref)
    if record is None:
        raise no_resource()
    return {"Policy": _document(record.value["statements"]), "RevisionId": record.value["revision"]}


async def authorize(ctx: Context, ref: FunctionRef) -> None:
    """Raise AwsError if the caller is an AWS service and the function's policy does not let it invoke the function.

    The policies of users and roles are not enforced yet.
    """
    caller = ctx.caller
    if not caller.service:
        return
    if not admits(await policy_statements(ctx.platform.invocables, ref), ref, caller):
        raise AwsError(
            "AccessDeniedException",
            f"User: {caller.service} is not authorized to perform: lambda:InvokeFunction on resource: "
            f"{ref.qualified_arn} because no resource-based policy allows the lambda:InvokeFunction action",
            403,
        )


def admits(statements: Sequence[Statement], ref: FunctionRef, caller: Caller) -> bool:
    """Return whether the caller may invoke the function: an AWS service needs the policy, other callers do not."""
    request = PolicyRequest(
        caller.service,
        "lambda:InvokeFunction",
        ref.qualified_arn,
        caller.source_arn,
        caller.account,
        values=_NOT_BY_URL,
    )
    return not caller.service or is_allowed(statements, request)


async def _policy(ctx: Context, ref: FunctionRef) -> Record | None:
    return await ctx.store.get(ref.scope, POLICY, qualified_key(ref.name, ref.qualifier))


async def _keep(
    ctx: Context, ref: FunctionRef, record: Record | None, statements: list[dict[str, Any]]
) -> None:
    """Store the policy, or delete its record if it has no statements."""
    if len(_document(statements).encode()) > _MOST_BYTES:
        raise AwsError(
            "PolicyLengthExceededException",
            f"The final policy size ({len(_document(statements))}) is bigger than the limit ({_MOST_BYTES}).",
            400,
            fields={"Type": "User"},
        )
    key = qualified_key(ref.name, ref.qualifier)
    revision = record.revision if record else 0
    change: Change = DeleteRecord(ref.scope, POLICY, key, expect=revision)
    if statements:
        value = {"statements": statements, "revision": new_uuid()}
        change = PutRecord(ref.scope, POLICY, key, value, expect=revision)
    await ctx.store.commit(*await function_requirements(ctx, ref), change)


def _check_revision(record: Record | None, revision_id: str | None) -> None:
    if revision_id and (record is None or record.value["revision"] != revision_id):
        raise wrong_revision()


def _document(statements: list[dict[str, Any]]) -> str:
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps(document, separators=(",", ":"))


def _principal(principal: str) -> Any:
    if principal == "*":
        return "*"
    if principal.isdigit():
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if principal.startswith("arn:"):
        return {"AWS": principal}
    if "." not in principal:
        raise invalid_parameter_value(
            "The provided principal was invalid. Please check the principal and try again."
        )
    return {"Service": principal}


def _conditions(values: dict[tuple[str, str], str | None]) -> dict[str, dict[str, str]]:
    conditions: dict[str, dict[str, str]] = {}
    for (operator, key), value in values.items():
        if value is not None:
            conditions.setdefault(operator, {})[key] = value
    return conditions


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
