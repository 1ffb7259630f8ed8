"""Adds and removes permissions to use a layer version, for other accounts, and shows its policy."""

from __future__ import annotations

import json
from typing import Any

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
from nightbus.services.lambda_.errors import invalid_parameter_value, not_found
from nightbus.services.lambda_.layers.permission import GET_LAYER_VERSION
from nightbus.services.lambda_.layers.versions import require_layer_version
from nightbus.services.lambda_.records import LAYER_POLICY, LAYER_VERSION
from nightbus.store.interface import Change, Record, RequireRecord

_NO_POLICY = "No policy is associated with the given resource."


async def add_layer_version_permission(
    ctx: Context,
    *,
    layer_name: str,
    version_number: int,
    statement_id: str,
    action: str,
    principal: str,
    organization_id: str | None = None,
    revision_id: str | None = None,
) -> dict[str, Any]:
    layer = await require_layer_version(ctx, layer_name, version_number)
    record = await ctx.store.get(ctx.scope, LAYER_POLICY, layer.key)
    check_policy_revision(record, revision_id)
    statements = statements_with_room_for(record, statement_id)
    if action != GET_LAYER_VERSION:
        raise invalid_parameter_value(f"Action {action} is not valid: only {GET_LAYER_VERSION} is.")
    if organization_id and principal != "*":
        raise invalid_parameter_value("OrganizationId goes with the principal * only.")
    statement: dict[str, Any] = {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": _principal(principal),
        "Action": action,
        "Resource": layer.value["shown"]["LayerVersionArn"],
    }
    if organization_id:
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organization_id}}
    # An account's id or * is what AWS documents, so nothing says whether it refuses users and roles that do not exist.
    named = await named_principals(ctx, ctx.account, {"Statement": [statement]})
    revision = await _store(ctx, layer, record, [*statements, statement], *named.changes)
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": revision}


async def remove_layer_version_permission(
    ctx: Context, *, layer_name: str, version_number: int, statement_id: str, revision_id: str | None = None
) -> None:
    layer = await require_layer_version(ctx, layer_name, version_number)
    record = await _require(ctx, layer)
    check_policy_revision(record, revision_id)
    left = statements_without(record, statement_id)
    await _store(ctx, layer, record, left)


async def get_layer_version_policy(ctx: Context, *, layer_name: str, version_number: int) -> dict[str, Any]:
    layer = await require_layer_version(ctx, layer_name, version_number)
    record = await _require(ctx, layer)
    return {
        "Policy": policy_document(record.value["statements"]),
        "RevisionId": record.value["revision"],
    }


async def _require(ctx: Context, layer: Record) -> Record:
    record = await ctx.store.get(ctx.scope, LAYER_POLICY, layer.key)
    if record is None:
        raise not_found(_NO_POLICY)
    return record


async def _store(
    ctx: Context, layer: Record, record: Record | None, statements: list[dict[str, Any]], *further: Change
) -> str:
    change, revision = policy_change(ctx.scope, LAYER_POLICY, layer.key, record, statements)
    await ctx.store.commit(
        RequireRecord(ctx.scope, LAYER_VERSION, layer.key, layer.revision), change, *further
    )
    return revision


def _principal(principal: str) -> Any:
    if principal == "*":
        return "*"
    if principal.isdigit() and len(principal) == 12:
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if principal.startswith("arn:"):
        return {"AWS": principal}
    raise bad_principal()
