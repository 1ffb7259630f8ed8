"""Creates, updates, deletes, describes and lists stack sets."""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.operation_start import find_existing_stack
from nightbus.services.cloudformation.planning import last_deployment
from nightbus.services.cloudformation.shapes import BAD_TOKEN, tag_list, wire_time
from nightbus.services.cloudformation.sources import read_in_thread, template_text
from nightbus.services.cloudformation.stack_sets.execution_roles import (
    EXECUTION_ROLE,
    check_administration_role,
)
from nightbus.services.cloudformation.stack_sets.operations import begin
from nightbus.services.cloudformation.stack_sets.records import (
    OPERATION,
    RUNNING,
    STACK_SET,
    StackSet,
    find_set,
    opened_map,
    put_set,
    sealed_map,
    set_instances,
    set_name,
    set_operations,
)
from nightbus.services.cloudformation.stack_sets.targets import checked_regions, chosen_accounts, invalid
from nightbus.services.context import Context
from nightbus.stacks.planning.proposal import propose, stack_tags
from nightbus.stacks.records import is_stack_id
from nightbus.stacks.templates.parameters import MASK, is_secret
from nightbus.stacks.templates.template import Template, read_template
from nightbus.store.interface import DeleteRecord

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_PAGE = 100
_OPERATOR_ROLE = "AWSCloudFormationStackSetAdministrationRole"


async def create_stack_set(
    ctx: Context,
    *,
    stack_set_name: str,
    description: str | None = None,
    template_body: str | None = None,
    template_url: str | None = None,
    stack_id: str | None = None,
    parameters: list[dict[str, Any]] | None = None,
    capabilities: list[str] | None = None,
    tags: list[dict[str, str]] | None = None,
    administration_role_arn: str | None = None,
    execution_role_name: str | None = None,
    permission_model: str | None = None,
    auto_deployment: dict[str, Any] | None = None,
    client_request_token: str | None = None,
    managed_execution: dict[str, bool] | None = None,
) -> dict[str, Any]:
    _refuse_service_managed(permission_model, auto_deployment)
    if not _NAME.fullmatch(stack_set_name):
        raise invalid(
            f"1 validation error detected: Value '{stack_set_name}' at 'stackSetName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z][a-zA-Z0-9-]{0,127}"
        )
    if administration_role_arn:
        check_administration_role(administration_role_arn, ctx.account)
    if await ctx.store.get(ctx.scope, STACK_SET, stack_set_name) is not None:
        raise AwsError("NameAlreadyExistsException", f"StackSet {stack_set_name} already exists", 409)
    text = await _template_of_stack(ctx, stack_id) if stack_id else ""
    text = text or await template_text(ctx, template_body, template_url, None)
    await read_in_thread(text, propose, parameters or [], {}, stack_tags(tags or []), capabilities or [])
    given = {one["ParameterKey"]: str(one.get("ParameterValue", "")) for one in parameters or []}
    stack_set = StackSet(
        stack_set_name,
        f"{stack_set_name}:{new_uuid()}",
        text,
        description or "",
        await sealed_map(ctx.platform.vault, given),
        list(capabilities or []),
        dict(stack_tags(tags or [])),
        administration_role_arn or "",
        execution_role_name or EXECUTION_ROLE,
        bool((managed_execution or {}).get("Active")),
        new_uuid(),
    )
    await ctx.store.commit(put_set(ctx.scope, stack_set, 0))
    return {"StackSetId": stack_set.id}


def _refuse_service_managed(model: str | None, auto_deployment: dict[str, Any] | None) -> None:
    if model == "SERVICE_MANAGED":
        text = "You must be the management account or delegated admin account of an organization, which Nightbus does "
        raise invalid(text + "not have: only the permission model SELF_MANAGED is available")
    if auto_deployment and auto_deployment.get("Enabled"):
        raise invalid("AutoDeployment needs the permission model SERVICE_MANAGED")


async def _template_of_stack(ctx: Context, stack_id: str) -> str:
    if not is_stack_id(stack_id):  # the caller's permission is asked for an ARN
        raise invalid(f"{stack_id} is not the ARN of a stack")
    deployment = await last_deployment(ctx, (await find_existing_stack(ctx, stack_id)).value)
    return deployment.original if deployment else ""


async def update_stack_set(
    ctx: Context,
    *,
    stack_set_name: str,
    description: str | None = None,
    template_body: str | None = None,
    template_url: str | None = None,
    use_previous_template: bool | None = None,
    parameters: list[dict[str, Any]] | None = None,
    capabilities: list[str] | None = None,
    tags: list[dict[str, str]] | None = None,
    operation_preferences: dict[str, Any] | None = None,
    administration_role_arn: str | None = None,
    execution_role_name: str | None = None,
    deployment_targets: dict[str, Any] | None = None,
    permission_model: str | None = None,
    auto_deployment: dict[str, Any] | None = None,
    operation_id: str | None = None,
    accounts: list[str] | None = None,
    regions: list[str] | None = None,
    managed_execution: dict[str, bool] | None = None,
) -> dict[str, Any]:
    _refuse_service_managed(permission_model, auto_deployment)
    stack_set, record = await find_set(ctx, stack_set_name)
    if stack_set.administration_role and not administration_role_arn:
        raise invalid(
            "AdministrationRoleARN must be specified: the stack set has a customized administrator role"
        )
    if administration_role_arn:
        check_administration_role(administration_role_arn, ctx.account)
    text = await template_text(
        ctx, template_body, template_url, stack_set.template, bool(use_previous_template)
    )
    previous = await opened_map(ctx.platform.vault, stack_set.parameters)
    merged_tags = stack_tags(tags) if tags is not None else stack_set.tags
    wanted = capabilities or []
    await read_in_thread(text, propose, parameters or [], previous, merged_tags, wanted)
    given = {
        one["ParameterKey"]: previous.get(one["ParameterKey"], "")
        if one.get("UsePreviousValue")
        else str(one.get("ParameterValue", ""))
        for one in parameters or []
    }
    instances = await set_instances(ctx.platform, ctx.scope, stack_set.name)
    where = chosen_accounts(accounts, deployment_targets), checked_regions(regions or [])
    if bool(where[0]) != bool(where[1]):
        raise invalid("Accounts and Regions must be specified together")
    targets = [
        (one.account, one.region)
        for one in instances
        if not where[0] or (one.account in where[0] and one.region in where[1])
    ]
    stack_set.template, stack_set.tags = text, dict(merged_tags)
    stack_set.parameters = await sealed_map(ctx.platform.vault, given)
    stack_set.capabilities, stack_set.version = list(wanted), new_uuid()
    stack_set.description = stack_set.description if description is None else description
    stack_set.administration_role = administration_role_arn or stack_set.administration_role
    stack_set.execution_role = execution_role_name or stack_set.execution_role
    if managed_execution is not None:
        stack_set.managed = bool(managed_execution.get("Active"))
    return await begin(
        ctx, stack_set, record.revision, "UPDATE", targets, operation_preferences, operation_id
    )


async def delete_stack_set(ctx: Context, *, stack_set_name: str) -> None:
    record = await ctx.store.get(ctx.scope, STACK_SET, set_name(stack_set_name))
    if record is None:
        return
    stack_set = StackSet(**record.value)
    if await set_instances(ctx.platform, ctx.scope, stack_set.name):
        raise AwsError("StackSetNotEmptyException", "StackSet is not empty", 409)
    operations = await set_operations(ctx, stack_set.name)
    if any(one.status in RUNNING for one in operations):
        raise AwsError("OperationInProgressException", "Another Operation on StackSet is in progress", 409)
    ends = [DeleteRecord(ctx.scope, OPERATION, f"{stack_set.name}/{one.id}") for one in operations]
    await ctx.store.commit(DeleteRecord(ctx.scope, STACK_SET, stack_set.name, expect=record.revision), *ends)


async def describe_stack_set(ctx: Context, *, stack_set_name: str) -> dict[str, Any]:
    stack_set, _ = await find_set(ctx, stack_set_name)
    declared = Template(read_template(stack_set.template).document).parameters
    values = await opened_map(ctx.platform.vault, stack_set.parameters)
    instances = await set_instances(ctx.platform, ctx.scope, stack_set.name)
    role = f"arn:aws:iam::{ctx.account}:role/{_OPERATOR_ROLE}"
    shape = {
        "StackSetName": stack_set.name,
        "StackSetId": stack_set.id,
        "Description": stack_set.description or None,
        "Status": "ACTIVE",
        "TemplateBody": stack_set.template,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": MASK if is_secret(declared.get(key, {})) else value}
            for key, value in values.items()
        ],
        "Capabilities": stack_set.capabilities,
        "Tags": tag_list(stack_set.tags),
        "StackSetARN": ctx.arn("cloudformation", f"stackset/{stack_set.id}"),
        "AdministrationRoleARN": stack_set.administration_role or role,
        "ExecutionRoleName": stack_set.execution_role,
        "StackSetDriftDetectionDetails": drift_details(stack_set),
        "PermissionModel": "SELF_MANAGED",
        "ManagedExecution": {"Active": stack_set.managed},
        "Regions": sorted({one.region for one in instances}),
    }
    return {"StackSet": shape}


def drift_details(stack_set: StackSet) -> dict[str, Any] | None:
    found = stack_set.drift
    if not found:
        return None
    return {**found["details"], "LastDriftCheckTimestamp": wire_time(found["time"])}


async def list_stack_sets(
    ctx: Context, *, status: str | None = None, next_token: str | None = None, max_results: int | None = None
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, STACK_SET) if status in (None, "ACTIVE") else []
    sets = [StackSet(**record.value) for record in records]
    chosen, token = page(sets, lambda one: one.name, max_results or _PAGE, next_token, BAD_TOKEN)
    summaries = [
        {
            "StackSetName": one.name,
            "StackSetId": one.id,
            "Description": one.description or None,
            "Status": "ACTIVE",
            "PermissionModel": "SELF_MANAGED",
            "DriftStatus": one.drift["details"]["DriftStatus"] if one.drift else "NOT_CHECKED",
            "LastDriftCheckTimestamp": wire_time(one.drift["time"]) if one.drift else None,
            "ManagedExecution": {"Active": one.managed},
        }
        for one in chosen
    ]
    return {"Summaries": summaries, "NextToken": token}
