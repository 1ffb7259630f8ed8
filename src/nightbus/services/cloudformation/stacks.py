"""Creates, updates, deletes, describes and lists stacks."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.deployment_config import disables_rollback, mode_of
from nightbus.services.cloudformation.nested_change_sets import names_of_nested
from nightbus.services.cloudformation.operation_start import (
    check_notifications,
    find_existing_stack,
    find_stack,
    parent_ids,
    require_updatable,
    stack_records,
    start_operation,
    wait_briefly,
)
from nightbus.services.cloudformation.planning import described, last_deployment, planned
from nightbus.services.cloudformation.shapes import (
    BAD_TOKEN,
    check_stack_name,
    newest_first,
    stack_shape,
    stack_summary,
)
from nightbus.services.cloudformation.sources import read_in_thread, template_text
from nightbus.services.cloudformation.stack_policies import requested_policy
from nightbus.services.cloudformation.stored_parameters import with_stored_values
from nightbus.services.context import Context
from nightbus.services.service_roles import service_role, working_in
from nightbus.stacks.events import stack_event
from nightbus.stacks.exports import exports_of, refuse_in_use
from nightbus.stacks.notifications import notify
from nightbus.stacks.operation_queue import operation_item
from nightbus.stacks.planning.plan import is_empty
from nightbus.stacks.planning.proposal import Proposal, propose, stack_tags
from nightbus.stacks.reasons import USER_INITIATED
from nightbus.stacks.records import (
    NAME,
    STANDARD,
    Deployment,
    Stack,
    Stored,
    new_stack_id,
    put_deployment,
    put_stack,
)
from nightbus.stacks.templates import capabilities as acknowledged
from nightbus.stacks.templates.template import Template
from nightbus.store.interface import Change, PutRecord

PAGE = 100


async def create_stack(
    ctx: Context,
    *,
    stack_name: str,
    template_body: str | None = None,
    template_url: str | None = None,
    parameters: list[dict[str, Any]] | None = None,
    disable_rollback: bool | None = None,
    on_failure: str | None = None,
    capabilities: list[str] | None = None,
    tags: list[dict[str, str]] | None = None,
    role_arn: str | None = None,
    notification_arns: list[str] | None = None,
    client_request_token: str | None = None,
    enable_termination_protection: bool | None = None,
    deployment_config: dict[str, Any] | None = None,
    timeout_in_minutes: int | None = None,
    retain_except_on_create: bool | None = None,
    stack_policy_body: str | None = None,
    stack_policy_url: str | None = None,
) -> dict[str, Any]:
    check_notifications(notification_arns)
    check_stack_name(stack_name)
    no_rollback = disables_rollback(deployment_config, disable_rollback, on_failure)
    if disable_rollback is not None and on_failure is not None:
        raise AwsError(
            "ValidationError", "You can specify either DisableRollback or OnFailure, but not both."
        )
    reviewed = await _refuse_existing(ctx, stack_name)
    failing = on_failure or ("DO_NOTHING" if no_rollback else "ROLLBACK")
    stack = await new_stack(ctx, stack_name, "CREATE_IN_PROGRESS", failing, client_request_token)
    if reviewed:
        stack.id = reviewed.value.id
        stack.planned_names = await names_of_nested(ctx, stack)
    stack.role_arn = await service_role(ctx, role_arn, "", stack.id)
    work = working_in(ctx, stack.role_arn, stack.id)
    text = await template_text(ctx, template_body, template_url, None)
    proposal = await read_in_thread(
        text, propose, parameters or [], {}, stack_tags(tags or []), capabilities or [], stack.role_arn
    )
    _require_auto_expand(proposal)
    proposal = await with_stored_values(work, proposal)
    stack.mode = mode_of(deployment_config)
    stack.protected = bool(enable_termination_protection)
    stack.notification_arns, stack.timeout_minutes = notification_arns or [], timeout_in_minutes or 0
    stack.retain_except_on_create = bool(retain_except_on_create)
    stack.policy = await requested_policy(ctx, stack_policy_body, stack_policy_url) or ""
    deployment, _ = await planned(work, stack, None, proposal)
    stack.target, stack.imports = deployment.id, deployment.imports
    stack.description = Template(deployment.processed).description
    item = operation_item(ctx.scope, stack.id, ctx.now_ms())
    await store_new_stack(ctx, stack, deployment, item, reviewed=reviewed)
    return {"StackId": stack.id}


async def new_stack(
    ctx: Context, name: str, status: str, on_failure: str = "ROLLBACK", token: str | None = None
) -> Stack:
    """Return a stack that is not stored yet."""
    stack = Stack(
        new_stack_id(ctx.scope, name),
        name,
        status,
        ctx.now_ms(),
        USER_INITIATED,
        on_failure=on_failure,
        token=token or "",
    )
    stack.parent_id, stack.root_id = await parent_ids(ctx)
    stack.remember_call(ctx.call)
    return stack


async def store_new_stack(
    ctx: Context,
    stack: Stack,
    deployment: Deployment | None,
    *also: Change,
    reviewed: Stored[Stack] | None = None,
) -> None:
    """Store a new stack with its deployment, and `also`, in the place of `reviewed`.

    Raises Conflict if another request has taken the name in between.
    """
    changes = [await put_deployment(ctx.platform.vault, ctx.scope, stack, deployment)] if deployment else []
    event = stack_event(ctx.scope, stack, ctx.now_ms(), stack.status, USER_INITIATED)
    await ctx.store.commit(
        PutRecord(ctx.scope, NAME, stack.name, {"stack_id": stack.id}, expect=None if reviewed else 0),
        put_stack(ctx.scope, stack, reviewed.revision if reviewed else 0),
        *changes,
        event,
        *also,
    )
    await notify(ctx.platform.operations, ctx.scope, stack, [event])


async def _refuse_existing(ctx: Context, name: str) -> Stored[Stack] | None:
    """Return the stack in review that its parent creates now, or None. Raises AwsError for another one of the name."""
    existing = await stack_records(ctx).stack(name)
    if existing is None:
        return None
    by_parent = existing.value.parent_id and existing.value.parent_id == ctx.caller.source_arn
    if by_parent and existing.value.status == "REVIEW_IN_PROGRESS":
        return existing
    raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")


def _require_auto_expand(proposal: Proposal) -> None:
    """Raise AwsError unless CAPABILITY_AUTO_EXPAND admits a template with a transform.

    A change set need not have it, because it shows the transformed template before anything is made.
    """
    if proposal.template.transforms and acknowledged.AUTO_EXPAND not in proposal.capabilities:
        raise acknowledged.insufficient([acknowledged.AUTO_EXPAND])


async def update_stack(
    ctx: Context,
    *,
    stack_name: str,
    template_body: str | None = None,
    template_url: str | None = None,
    use_previous_template: bool | None = None,
    parameters: list[dict[str, Any]] | None = None,
    capabilities: list[str] | None = None,
    tags: list[dict[str, str]] | None = None,
    role_arn: str | None = None,
    notification_arns: list[str] | None = None,
    disable_rollback: bool | None = None,
    client_request_token: str | None = None,
    deployment_config: dict[str, Any] | None = None,
    retain_except_on_create: bool | None = None,
    stack_policy_body: str | None = None,
    stack_policy_url: str | None = None,
    stack_policy_during_update_body: str | None = None,
    stack_policy_during_update_url: str | None = None,
) -> dict[str, Any]:
    check_notifications(notification_arns)
    no_rollback = disables_rollback(deployment_config, disable_rollback)
    stack = (await find_existing_stack(ctx, stack_name)).value
    require_updatable(stack)
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
    _require_auto_expand(proposal)
    proposal = await with_stored_values(work, proposal)
    deployment, changes = await planned(work, stack, old, proposal)
    policy = await requested_policy(ctx, stack_policy_body, stack_policy_url)
    arns = stack.notification_arns if notification_arns is None else notification_arns
    same = is_empty(changes, stack, old, deployment) and arns == stack.notification_arns
    if same and policy in (None, stack.policy) and stack.status.endswith("_COMPLETE"):
        raise AwsError("ValidationError", "No updates are to be performed.")
    during = await requested_policy(ctx, stack_policy_during_update_body, stack_policy_during_update_url)
    await begin_update(
        ctx,
        stack,
        deployment,
        bool(no_rollback),
        client_request_token,
        mode_of(deployment_config),
        notification_arns=arns,
        policy=stack.policy if policy is None else policy,
        policy_during_update=during or "",
        planned_names=await names_of_nested(ctx, stack) if stack.parent_id else {},
        retain_except_on_create=bool(retain_except_on_create),
    )
    return {"StackId": stack.id}


async def begin_update(
    ctx: Context,
    stack: Stack,
    deployment: Deployment,
    disable_rollback: bool,
    token: str | None,
    mode: str = STANDARD,
    **fields: Any,
) -> None:
    """Start the update of the stack to the deployment. `fields` are further members of the stack to set."""
    base = stack.deployment, stack.target

    def unchanged(current: Stack) -> None:
        require_updatable(current)
        if (current.deployment, current.target) != base:
            raise AwsError(
                "ValidationError", f"Stack:{stack.id} was updated meanwhile and can not be updated."
            )

    await start_operation(
        ctx,
        stack,
        "UPDATE_IN_PROGRESS",
        unchanged,
        await put_deployment(ctx.platform.vault, ctx.scope, stack, deployment),
        token=token,
        role=deployment.role_arn,
        target=deployment.id,
        updated=ctx.now_ms(),
        on_failure="DO_NOTHING" if disable_rollback else "ROLLBACK",
        mode=mode,
        imports=sorted({*stack.imports, *deployment.imports}),
        change_set="",
        **fields,
    )


async def delete_stack(
    ctx: Context,
    *,
    stack_name: str,
    retain_resources: list[str] | None = None,
    role_arn: str | None = None,
    client_request_token: str | None = None,
    deployment_config: dict[str, Any] | None = None,
    deletion_mode: str | None = None,
) -> None:
    stored = await stack_records(ctx).stack(stack_name)
    if stored is None or stored.value.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
        return
    stack = stored.value
    force = deletion_mode == "FORCE_DELETE_STACK"
    if force and stack.status != "DELETE_FAILED":
        raise AwsError(
            "ValidationError",
            "The FORCE_DELETE_STACK option can only be used on stacks in DELETE_FAILED state.",
        )
    await _refuse_deletion(ctx, stack, retain_resources or [])

    def check(current: Stack) -> None:
        if current.status.endswith("IN_PROGRESS") and current.status not in _DELETABLE_UNDER_WAY:
            raise AwsError(
                "ValidationError",
                f"Stack [{current.name}] cannot be deleted while in status {current.status}",
            )

    await start_operation(
        ctx,
        stack,
        "DELETE_IN_PROGRESS",
        check,
        token=client_request_token,
        role=role_arn,
        retain=retain_resources or [],
        change_set="",
        mode=mode_of(deployment_config),
        force=force,
    )
    await wait_briefly(ctx, stack.id)


_DELETABLE_UNDER_WAY = frozenset({"CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"})


async def _refuse_deletion(ctx: Context, stack: Stack, retain: list[str]) -> None:
    if stack.protected:
        raise AwsError(
            "ValidationError",
            f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled",
        )
    if retain and stack.status != "DELETE_FAILED":
        raise AwsError(
            "ValidationError",
            "Invalid operation on stack [" + stack.id + "]. Specify resources to retain only when deleting a "
            "stack in DELETE_FAILED state.",
        )
    for name in await exports_of(stack_records(ctx), stack):
        await refuse_in_use(stack_records(ctx), name, "deleted")


async def describe_stacks(
    ctx: Context, *, stack_name: str | None = None, next_token: str | None = None
) -> dict[str, Any]:
    if stack_name is not None:
        stack = (await find_stack(ctx, stack_name)).value
        return {"Stacks": [stack_shape(*await described(ctx, stack))]}
    existing = [stack for stack in await stack_records(ctx).stacks() if stack.status != "DELETE_COMPLETE"]
    page_items, token = page(existing, newest_first, PAGE, next_token, BAD_TOKEN)
    shapes = [stack_shape(*await described(ctx, stack)) for stack in page_items]
    return {"Stacks": shapes, "NextToken": token}


async def list_stacks(
    ctx: Context, *, stack_status_filter: list[str] | None = None, next_token: str | None = None
) -> dict[str, Any]:
    stacks = [
        stack
        for stack in await stack_records(ctx).stacks()
        if not stack_status_filter or stack.status in stack_status_filter
    ]
    page_items, token = page(stacks, newest_first, PAGE, next_token, BAD_TOKEN)
    return {"StackSummaries": [stack_summary(stack) for stack in page_items], "NextToken": token}
