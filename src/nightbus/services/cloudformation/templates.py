"""Answers GetTemplate, and finds the deployment of a stack or a change set."""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.operation_start import no_such_stack, stack_records
from nightbus.services.cloudformation.planning import described
from nightbus.services.cloudformation.sources import read_in_thread
from nightbus.services.context import Context
from nightbus.stacks.records import Deployment
from nightbus.stacks.templates.template import read_template


async def get_template(
    ctx: Context,
    *,
    stack_name: str | None = None,
    change_set_name: str | None = None,
    template_stage: str | None = None,
) -> dict[str, Any]:
    if change_set_name is None and await _is_reviewed(ctx, stack_name):
        return {"StagesAvailable": []}
    deployment = await deployment_of(ctx, stack_name, change_set_name)
    stage = template_stage or "Original"
    body = deployment.original if stage == "Original" else await _processed(deployment)
    return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}


async def _is_reviewed(ctx: Context, stack_name: str | None) -> bool:
    """Return whether the stack waits for the execution of its first change set, and so has no template yet."""
    stored = await stack_records(ctx).stack(stack_name) if stack_name is not None else None
    return stored is not None and stored.value.status == "REVIEW_IN_PROGRESS"


async def _processed(deployment: Deployment) -> str:
    """Return the processed template as text: the original text if it has no transform."""
    if (await read_in_thread(deployment.original, read_template)).transforms:
        return json.dumps(deployment.processed)
    return deployment.original


async def deployment_of(ctx: Context, stack_name: str | None, change_set_name: str | None) -> Deployment:
    if change_set_name is not None:
        return await _of_change_set(ctx, stack_name, change_set_name)
    if stack_name is None:
        raise AwsError("ValidationError", "StackName is required when ChangeSetName is not an ARN.")
    stored = await stack_records(ctx).stack(stack_name)
    if stored is None:
        raise no_such_stack(stack_name)
    _, deployment = await described(ctx, stored.value)
    if deployment is None:
        raise AwsError(
            "ValidationError", f"Stack {stack_name} has no template yet; it is {stored.value.status}."
        )
    return deployment


async def _of_change_set(ctx: Context, stack_name: str | None, name: str) -> Deployment:
    absent = AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
    stored = None
    if ":changeSet/" in name:
        stored = await stack_records(ctx).change_set(name.split(":changeSet/", 1)[1])
    elif stack_name is not None and (stack := await stack_records(ctx).stack(stack_name)) is not None:
        sets = await stack_records(ctx).change_sets(stack.value, name)
        stored = sets[-1] if sets else None
    if stored is None:
        raise absent
    owner = await stack_records(ctx).stack(stored.value.stack_id)
    if owner is None or not stored.value.deployment:
        raise absent
    try:
        return await stack_records(ctx).deployment(owner.value, stored.value.deployment)
    except LookupError as gone:
        raise absent from gone
