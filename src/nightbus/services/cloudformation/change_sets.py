"""Creates, describes, lists, executes and deletes change sets.

The states of a change set are its status and its execution status. Creation plans it before it stores it, so a stored
change set is complete or failed:

| status          | execution status    | becomes             | when                                          |
|-----------------|---------------------|---------------------|-----------------------------------------------|
| FAILED          | UNAVAILABLE         | –                   | –                                             |
| CREATE_COMPLETE | AVAILABLE           | EXECUTE_IN_PROGRESS | ExecuteChangeSet, in the commit that starts   |
|                 |                     |                     | the stack's operation                         |
| CREATE_COMPLETE | AVAILABLE           | OBSOLETE            | another change set of the stack is executed   |
| CREATE_COMPLETE | EXECUTE_IN_PROGRESS | EXECUTE_COMPLETE or | the stack comes to rest                       |
|                 |                     | EXECUTE_FAILED      |                                               |

A change set whose base is no longer the stack's deployment is refused as OBSOLETE too, and keeps its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.deployment_config import disables_rollback, mode_of
from nightbus.services.cloudformation.imports import plan_imports
from nightbus.services.cloudformation.nested_change_sets import begun, deleted, make_nested, refuse_nested
from nightbus.services.cloudformation.operation_start import (
    UPDATABLE,
    check_notifications,
    find_existing_stack,
    find_stack,
    no_such_stack,
    require_updatable,
    stack_records,
    start_operation,
    wait_briefly,
)
from nightbus.services.cloudformation.planning import last_deployment, planned
from nightbus.services.cloudformation.shapes import (
    BAD_TOKEN,
    change_set_summary,
    check_stack_name,
    tag_list,
    wire_time,
    without_values,
)
from nightbus.services.cloudformation.sources import read_in_thread, template_text
from nightbus.services.cloudformation.stacks import new_stack, store_new_stack
from nightbus.services.cloudformation.stored_parameters import with_stored_values
from nightbus.services.context import Context
from nightbus.services.service_roles import service_role, working_in
from nightbus.stacks.planning.plan import NO_CHANGES, is_empty
from nightbus.stacks.planning.proposal import Proposal, propose, stack_tags
from nightbus.stacks.records import (
    CHANGE_SET,
    ChangeSet,
    Deployment,
    Stack,
    Stored,
    new_change_set_id,
    put_change_set,
    put_deployment,
)
from nightbus.stacks.templates.parameters import parameters_reply
from nightbus.stacks.templates.template import Template
from nightbus.store.interface import Change, DeleteRecord

PAGE = 100
_CHANGES_PAGE = 100


async def create_change_set(
    ctx: Context,
    *,
    stack_name: str,
    change_set_name: str,
    template_body: str | None = None,
    template_url: str | None = None,
    use_previous_template: bool | None = None,
    parameters: list[dict[str, Any]] | None = None,
    capabilities: list[str] | None = None,
    role_arn: str | None = None,
    notification_arns: list[str] | None = None,
    tags: list[dict[str, str]] | None = None,
    client_token: str | None = None,
    description: str | None = None,
    change_set_type: str | None = None,
    include_nested_stacks: bool | None = None,
    on_stack_failure: str | None = None,
    import_existing_resources: bool | None = None,
    resources_to_import: list[dict[str, Any]] | None = None,
    deployment_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    disables_rollback(deployment_config, None, on_stack_failure)
    check_notifications(notification_arns)
    kind = change_set_type or "UPDATE"
    if resources_to_import and kind != "IMPORT":
        raise AwsError("ValidationError", "ResourcesToImport can only be specified for ChangeSetType IMPORT")
    stack, is_new = await _stack_for(ctx, stack_name, change_set_name, kind)
    old = await last_deployment(ctx, stack)
    role = await service_role(ctx, role_arn, stack.role_arn or (old.role_arn if old else ""), stack.id)
    work = working_in(ctx, role, stack.id)
    text = await template_text(
        ctx, template_body, template_url, old.original if old else None, bool(use_previous_template)
    )
    proposal = await read_in_thread(
        text,
        propose,
        parameters or [],
        old.parameters if old else {},
        stack_tags(tags) if tags is not None else old.tags if old else {},
        capabilities or [],
        role,
    )
    proposal = await with_stored_values(work, proposal)
    change_set = ChangeSet(
        new_change_set_id(ctx.scope, change_set_name),
        change_set_name,
        stack.id,
        stack.name,
        ctx.now_ms(),
        "CREATE_COMPLETE",
        "AVAILABLE",
        kind,
        description=description or "",
        parameters=parameters_reply(proposal.template.parameters, proposal.values, proposal.resolved),
        tags=proposal.tags,
        capabilities=capabilities or [],
        on_failure=on_stack_failure or "",
        include_nested=bool(include_nested_stacks),
        base=stack.described_deployment,
        deployment_config=deployment_config or {},
        import_existing=bool(import_existing_resources),
        notification_arns=notification_arns,
    )
    deployment, nested = await _fill(work, change_set, stack, old, proposal)
    if change_set.status != "FAILED" and deployment is not None:
        await plan_imports(work, change_set, stack, deployment, resources_to_import or [])
    if is_new:
        stack.description = proposal.template.description
        await store_new_stack(ctx, stack, None)
    deployment_record = (
        [await put_deployment(ctx.platform.vault, ctx.scope, stack, deployment)] if deployment else []
    )
    await ctx.store.commit(put_change_set(ctx.scope, change_set), *deployment_record)
    if change_set.include_nested and nested:
        await make_nested(work, change_set, stack, nested)
    return {"Id": change_set.id, "StackId": stack.id}


async def _stack_for(ctx: Context, name: str, change_set: str, kind: str) -> tuple[Stack, bool]:
    """Return the change set's stack, and whether it is new and must be stored. Raises AwsError."""
    stored = await stack_records(ctx).stack(name)
    exists = stored is not None and stored.value.status != "DELETE_COMPLETE"
    if kind in ("CREATE", "IMPORT") and not exists:
        check_stack_name(name)
        return await new_stack(ctx, name, "REVIEW_IN_PROGRESS"), True
    if stored is None or not exists:
        raise AwsError("ValidationError", f"Stack [{name}] does not exist")
    stack = stored.value
    if kind == "CREATE" and stack.status != "REVIEW_IN_PROGRESS":
        raise AwsError(
            "ValidationError",
            f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}].",
        )
    if kind != "CREATE" and not (kind == "IMPORT" and stack.status == "REVIEW_IN_PROGRESS"):
        require_updatable(stack)
    if await stack_records(ctx).change_sets(stack, change_set):
        raise AwsError("AlreadyExistsException", f"ChangeSet {change_set} already exists")
    return stack, False


async def _fill(
    ctx: Context, change_set: ChangeSet, stack: Stack, old: Deployment | None, proposal: Proposal
) -> tuple[Deployment | None, Mapping[str, Mapping[str, Any]]]:
    """Plan the change set: set its changes, or the reason why it has none. Returns nested stacks that change, too.

    An error of a transform makes the change set fail, and the call succeed.
    """
    deployment = None
    try:
        deployment, changes = await planned(ctx, stack, old, proposal)
    except AwsError as error:
        if not proposal.has_transforms:
            raise
        change_set.status_reason = error.message
    else:
        change_set.changes, change_set.deployment = changes.changes, deployment.id
        if not is_empty(changes, stack, old, deployment) or stack.status.endswith("_FAILED"):
            return deployment, changes.nested
        change_set.status_reason = NO_CHANGES
    change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
    return deployment, {}


async def _find(ctx: Context, name: str, stack_name: str | None) -> Stored[ChangeSet]:
    """Find a change set by its ARN, or by its name within a stack. Raises AwsError ChangeSetNotFound."""
    if ":changeSet/" in name:
        stored = await stack_records(ctx).change_set(name.split(":changeSet/", 1)[1])
        if stored is None or stored.value.id != name:
            raise _absent(name)
        return stored
    if stack_name is None:
        raise AwsError(
            "ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN."
        )
    stack = await stack_records(ctx).stack(stack_name)
    if stack is None:
        raise AwsError("ValidationError", f"Stack [{stack_name}] does not exist")
    matching = await stack_records(ctx).change_sets(stack.value, name)
    if not matching:
        raise _absent(name)
    return matching[-1]


def _absent(name: str) -> AwsError:
    return AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)


async def describe_change_set(
    ctx: Context,
    *,
    change_set_name: str,
    stack_name: str | None = None,
    next_token: str | None = None,
    include_property_values: bool | None = None,
) -> dict[str, Any]:
    change_set = (await _find(ctx, change_set_name, stack_name)).value
    changes, token = page(
        change_set.changes,
        lambda change: str(change["ResourceChange"]["LogicalResourceId"]),
        _CHANGES_PAGE,
        next_token,
        BAD_TOKEN,
    )
    return {
        **change_set_summary(change_set),
        "Parameters": change_set.parameters,
        "CreationTime": wire_time(change_set.created),
        "NotificationARNs": change_set.notification_arns or [],
        "RollbackConfiguration": {},
        "Capabilities": change_set.capabilities,
        "Tags": tag_list(change_set.tags),
        "Changes": changes if include_property_values else [without_values(one) for one in changes],
        "DeploymentConfig": change_set.deployment_config or None,
        "NextToken": token,
        "OnStackFailure": change_set.on_failure or None,
    }


async def list_change_sets(ctx: Context, *, stack_name: str, next_token: str | None = None) -> dict[str, Any]:
    stack = (await find_existing_stack(ctx, stack_name)).value
    change_sets = [stored.value for stored in await stack_records(ctx).change_sets(stack)]
    page_items, token = page(
        change_sets, lambda one: f"{one.created:016d}/{one.id}", PAGE, next_token, BAD_TOKEN
    )
    return {"Summaries": [change_set_summary(one) for one in page_items], "NextToken": token}


async def execute_change_set(
    ctx: Context,
    *,
    change_set_name: str,
    stack_name: str | None = None,
    client_request_token: str | None = None,
    disable_rollback: bool | None = None,
    retain_except_on_create: bool | None = None,
) -> dict[str, Any]:
    stored = await _find(ctx, change_set_name, stack_name)
    change_set = stored.value
    stack = (await find_stack(ctx, change_set.stack_id)).value
    refuse_nested(change_set, "executed")
    _refuse_unavailable(change_set, stack)
    if disable_rollback is not None and change_set.on_failure:
        raise AwsError(
            "ValidationError", "You can specify either DisableRollback or OnStackFailure, but not both."
        )
    try:
        deployment = await stack_records(ctx).deployment(stack, change_set.deployment)
    except LookupError as gone:  # with the change set, meanwhile
        raise _absent(change_set_name) from gone
    verb = "CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
    if change_set.kind == "IMPORT":
        verb = "IMPORT"
    change_set.execution_status = "EXECUTE_IN_PROGRESS"
    obsoleted = await _mark_obsolete(ctx, stack, change_set)

    def check(current: Stack) -> None:
        _refuse_unavailable(change_set, current, began=True)
        if current.described_deployment != change_set.base:
            raise _not_executable(change_set, "execution status", "OBSOLETE")

    await start_operation(
        ctx,
        stack,
        f"{verb}_IN_PROGRESS",
        check,
        put_change_set(ctx.scope, change_set, stored.revision),
        *obsoleted,
        *await begun(ctx, change_set),
        token=client_request_token,
        role=deployment.role_arn,
        target=deployment.id,
        updated=ctx.now_ms(),
        on_failure=_on_failure(change_set, disable_rollback),
        mode=mode_of(change_set.deployment_config),
        imports=sorted({*stack.imports, *deployment.imports}),
        change_set=change_set.key,
        to_import=change_set.imports,
        planned_names=change_set.planned_names,
        retain_except_on_create=bool(retain_except_on_create),
        **(
            {}
            if change_set.notification_arns is None
            else {"notification_arns": change_set.notification_arns}
        ),
        description=Template(deployment.processed).description,
    )
    await wait_briefly(ctx, stack.id)
    return {}


def _on_failure(change_set: ChangeSet, disable_rollback: bool | None) -> str:
    no_rollback = disables_rollback(change_set.deployment_config, disable_rollback)
    return change_set.on_failure or ("DO_NOTHING" if no_rollback else "ROLLBACK")


def _refuse_unavailable(change_set: ChangeSet, stack: Stack, *, began: bool = False) -> None:
    """Raise AwsError unless the change set may be executed on the stack in its present state."""
    if stack.status == "DELETE_COMPLETE":
        raise no_such_stack(stack.name)
    if stack.status not in UPDATABLE and stack.status != "REVIEW_IN_PROGRESS":
        require_updatable(stack)
    if began:
        return
    if change_set.status != "CREATE_COMPLETE":
        raise _not_executable(change_set, "status", change_set.status)
    if change_set.execution_status != "AVAILABLE":
        raise _not_executable(change_set, "execution status", change_set.execution_status)


def _not_executable(change_set: ChangeSet, attribute: str, status: str) -> AwsError:
    return AwsError(
        "InvalidChangeSetStatus",
        f"ChangeSet [{change_set.id}] cannot be executed in its current {attribute} of [{status}]",
    )


async def _mark_obsolete(ctx: Context, stack: Stack, chosen: ChangeSet) -> list[Change]:
    changes: list[Change] = []
    for stored in await stack_records(ctx).change_sets(stack):
        other = stored.value
        if other.id != chosen.id and other.execution_status == "AVAILABLE":
            other.execution_status = "OBSOLETE"
            changes.append(put_change_set(ctx.scope, other))
    return changes


async def delete_change_set(
    ctx: Context, *, change_set_name: str, stack_name: str | None = None
) -> dict[str, Any]:
    try:
        stored = await _find(ctx, change_set_name, stack_name)
    except AwsError as error:
        if error.code == "ChangeSetNotFound":
            return {}
        raise
    change_set = stored.value
    if change_set.execution_status == "EXECUTE_IN_PROGRESS":
        raise AwsError(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be deleted in its current status of "
            f"[{change_set.execution_status}]",
        )
    refuse_nested(change_set, "deleted")
    below = await deleted(ctx, change_set)
    await ctx.store.commit(DeleteRecord(ctx.scope, CHANGE_SET, change_set.key, stored.revision), *below)
    return {}
