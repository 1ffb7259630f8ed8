"""Answers GetTemplate, GetTemplateSummary and ValidateTemplate."""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.operation_start import no_such_stack, stack_records
from nightbus.services.cloudformation.planning import described_deployment
from nightbus.services.cloudformation.sources import read_in_thread, template_text
from nightbus.services.context import Context
from nightbus.stacks.records import Deployment
from nightbus.stacks.templates import capabilities
from nightbus.stacks.templates.expressions import text_of
from nightbus.stacks.templates.parameters import is_secret
from nightbus.stacks.templates.template import Template, check_template, read_template


async def get_template(
    ctx: Context,
    *,
    stack_name: str | None = None,
    change_set_name: str | None = None,
    template_stage: str | None = None,
) -> dict[str, Any]:
    if change_set_name is None and await _is_reviewed(ctx, stack_name):
        return {"StagesAvailable": []}
    deployment = await _deployment(ctx, stack_name, change_set_name)
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


async def _deployment(ctx: Context, stack_name: str | None, change_set_name: str | None) -> Deployment:
    if change_set_name is not None:
        return await _of_change_set(ctx, stack_name, change_set_name)
    if stack_name is None:
        raise AwsError("ValidationError", "StackName is required when ChangeSetName is not an ARN.")
    stored = await stack_records(ctx).stack(stack_name)
    if stored is None:
        raise no_such_stack(stack_name)
    deployment = await described_deployment(ctx, stored.value)
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


async def get_template_summary(
    ctx: Context,
    *,
    template_body: str | None = None,
    template_url: str | None = None,
    stack_name: str | None = None,
) -> dict[str, Any]:
    if stack_name is not None:
        template = await read_in_thread((await _deployment(ctx, stack_name, None)).original, read_template)
    else:
        template = await read_in_thread(await template_text(ctx, template_body, template_url, None), _checked)
    return {
        **_declared(template, with_type=True),
        "ResourceTypes": template.types(),
        "Version": template.document.get("AWSTemplateFormatVersion"),
        "Metadata": json.dumps(template.section("Metadata")) if template.section("Metadata") else None,
    }


async def validate_template(
    ctx: Context, *, template_body: str | None = None, template_url: str | None = None
) -> dict[str, Any]:
    template = await read_in_thread(await template_text(ctx, template_body, template_url, None), _checked)
    return _declared(template, with_type=False)


def _checked(text: str) -> Template:
    template = read_template(text)
    if not template.transforms:
        check_template(template)
    return template


def _declared(template: Template, *, with_type: bool) -> dict[str, Any]:
    required_capabilities, reason = capabilities.required_capabilities(template)
    if template.transforms:
        required_capabilities = [*required_capabilities, capabilities.AUTO_EXPAND]
        names = ", ".join(template.transforms)
        reason = reason or f"The following resource(s) require capabilities: [{names}]"
    return {
        "Parameters": [_parameter(name, one, with_type) for name, one in template.parameters.items()],
        "Description": template.description or None,
        "Capabilities": required_capabilities,
        "CapabilitiesReason": reason or None,
        "DeclaredTransforms": template.transforms,
    }


def _parameter(name: str, declaration: dict[str, Any], with_type: bool) -> dict[str, Any]:
    default = declaration.get("Default")
    shape: dict[str, Any] = {
        "ParameterKey": name,
        "DefaultValue": None if default is None else text_of(default, "Default"),
        "NoEcho": is_secret(declaration),
        "Description": declaration.get("Description"),
    }
    if with_type:
        allowed = [text_of(value, "AllowedValues") for value in declaration.get("AllowedValues", [])]
        shape["ParameterType"] = declaration["Type"]
        shape["ParameterConstraints"] = {"AllowedValues": allowed} if allowed else {}
    return shape
