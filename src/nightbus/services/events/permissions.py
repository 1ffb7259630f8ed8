"""Changes the resource policy of a bus, which lets other accounts put events on it and manage its rules."""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError, validation_error
from nightbus.delivery.rules import BUS, bus_arn
from nightbus.policies.grammar import check_condition
from nightbus.services.context import Context
from nightbus.services.events.names import bus_name, find_bus
from nightbus.services.events.quotas import POLICY_BYTES
from nightbus.services.known_principals import named_principals
from nightbus.store.interface import Change, PutRecord, Record

_CONDITION = ("StringEquals", "aws:PrincipalOrgID")  # the only condition that AWS accepts outside of a policy


def policy_text(statements: list[dict[str, Any]]) -> str | None:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None


async def put_permission(
    ctx: Context,
    *,
    event_bus_name: str | None = None,
    action: str | None = None,
    principal: str | None = None,
    statement_id: str | None = None,
    condition: dict[str, str] | None = None,
    policy: str | None = None,
) -> None:
    bus = bus_name(ctx, event_bus_name)
    record = await find_bus(ctx, bus)
    if policy is not None:
        if any(one is not None for one in (action, principal, statement_id, condition)):
            raise validation_error(
                "Parameter Policy stands for Action, Principal, StatementId and Condition."
            )
        statements = _read_policy(policy)
        # AWS does not say that it refuses users and roles that do not exist, as it does elsewhere.
        named = await named_principals(ctx, ctx.account, {"Statement": statements})
        await _save(ctx, record, statements, *named.changes)
        return
    if action is None or principal is None or statement_id is None:
        raise validation_error("Parameter(s) Policy or Action, Principal and StatementId must be specified.")
    if action != "events:PutEvents":
        raise validation_error("Provided value in parameter 'action' is not supported.")
    if condition is not None and (condition["Type"], condition["Key"]) != _CONDITION:
        raise validation_error("Provided value in parameter 'condition' is not supported.")
    statement: dict[str, Any] = {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": action,
        "Resource": bus_arn(ctx.scope, bus),
    }
    if condition is not None:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    other_statements = [one for one in record.value.get("Statements", []) if one.get("Sid") != statement_id]
    await _save(ctx, record, [*other_statements, statement])


async def remove_permission(
    ctx: Context,
    *,
    statement_id: str | None = None,
    remove_all_permissions: bool = False,
    event_bus_name: str | None = None,
) -> None:
    record = await find_bus(ctx, bus_name(ctx, event_bus_name))
    statements = record.value.get("Statements", [])
    if remove_all_permissions:
        await _save(ctx, record, [])
        return
    if not statements:
        raise AwsError("ResourceNotFoundException", "EventBus does not have a policy.")
    remaining = [one for one in statements if one.get("Sid") != statement_id]
    if len(remaining) == len(statements):
        text = "Statement with the provided id does not exist."
        raise AwsError("ResourceNotFoundException", text)
    await _save(ctx, record, remaining)


def _read_policy(text: str) -> list[dict[str, Any]]:
    try:
        statements = read_document(text)["Statement"]
    except (ValueError, KeyError, TypeError) as broken:
        raise validation_error("Policy is not valid JSON with a Statement.") from broken
    listed = statements if isinstance(statements, list) else [statements]
    for one in listed:
        if not isinstance(one, dict) or one.get("Effect") not in ("Allow", "Deny"):
            raise validation_error("Every Statement of the policy must be an object with an Effect.")
        try:
            check_condition(one)
        except AwsError as broken:
            text = "A Condition of the policy must name an operator, keys and values."
            raise validation_error(text) from broken
    return listed


async def _save(ctx: Context, record: Record, statements: list[dict[str, Any]], *further: Change) -> None:
    text = policy_text(statements)
    if ctx.platform.quotas and text is not None and len(text.encode()) > POLICY_BYTES:
        raise AwsError("PolicyLengthExceededException", "The event bus policy is too long.")
    value = {**record.value, "Statements": statements}
    await ctx.store.commit(PutRecord(ctx.scope, BUS, record.key, value, expect=record.revision), *further)
