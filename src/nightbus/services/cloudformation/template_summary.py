"""Answers GetTemplateSummary and ValidateTemplate: what a template declares and what it needs."""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.services.cloudformation.sources import read_in_thread, template_text
from nightbus.services.cloudformation.templates import deployment_of
from nightbus.services.context import Context
from nightbus.stacks.schemas import primary_identifier
from nightbus.stacks.templates import capabilities
from nightbus.stacks.templates.expressions import text_of
from nightbus.stacks.templates.parameters import is_secret
from nightbus.stacks.templates.template import Template, check_template, read_template, unrecognized_types


async def get_template_summary(
    ctx: Context,
    *,
    template_body: str | None = None,
    template_url: str | None = None,
    stack_name: str | None = None,
    stack_set_name: str | None = None,
    call_as: str | None = None,
    template_summary_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    if call_as == "DELEGATED_ADMIN":
        raise not_supported("cloudformation", "GetTemplateSummary", "CallAs DELEGATED_ADMIN")
    sources = (template_body or template_url, stack_name, stack_set_name)
    if sum(source is not None for source in sources) > 1:
        raise AwsError(
            "ValidationError",
            "Only one of StackName, StackSetName, TemplateBody and TemplateURL may be specified.",
        )
    lenient = bool((template_summary_config or {}).get("TreatUnrecognizedResourceTypesAsWarnings"))
    if stack_name is not None:
        template = await read_in_thread((await deployment_of(ctx, stack_name, None)).original, read_template)
    elif stack_set_name is not None:
        found = await ctx.operation("cloudformation", "DescribeStackSet", StackSetName=stack_set_name)
        template = await read_in_thread(str(found["StackSet"]["TemplateBody"]), read_template)
    else:
        text = await template_text(ctx, template_body, None if template_body else template_url, None)
        template = await read_in_thread(text, _checked, lenient)
    unrecognized = unrecognized_types(template) if lenient else []
    metadata = template.section("Metadata")
    return {
        **_declared(template, with_type=True),
        "ResourceTypes": template.types(),
        "Version": template.document.get("AWSTemplateFormatVersion"),
        "Metadata": json.dumps(metadata, separators=(",", ":")) if metadata else None,
        "ResourceIdentifierSummaries": _identifiers(template),
        "Warnings": {"UnrecognizedResourceTypes": unrecognized} if unrecognized else None,
    }


async def validate_template(
    ctx: Context, *, template_body: str | None = None, template_url: str | None = None
) -> dict[str, Any]:
    text = await template_text(ctx, template_body, None if template_body else template_url, None)
    return _declared(await read_in_thread(text, _checked), with_type=False)


def _checked(text: str, lenient: bool = False) -> Template:
    template = read_template(text)
    if not template.transforms:
        check_template(template, any_type=lenient)
    return template


def _declared(template: Template, *, with_type: bool) -> dict[str, Any]:
    transforms = template.transforms
    required, reason = capabilities.required_capabilities(template)
    if transforms:
        required = [*required, capabilities.AUTO_EXPAND]
        reason = reason or f"The following resource(s) require capabilities: [{', '.join(transforms)}]"
    return {
        "Parameters": [_parameter(name, one, with_type) for name, one in template.parameters.items()],
        "Description": template.description or None,
        "Capabilities": required,
        "CapabilitiesReason": reason or None,
        "DeclaredTransforms": transforms,
    }


def _parameter(name: str, declaration: dict[str, Any], with_type: bool) -> dict[str, Any]:
    default, description = declaration.get("Default"), declaration.get("Description")
    shape: dict[str, Any] = {
        "ParameterKey": name,
        "DefaultValue": None if default is None else text_of(default, "Default"),
        "NoEcho": is_secret(declaration),
        "Description": None if description is None else text_of(description, "Description"),
    }
    if with_type:
        allowed = [text_of(value, "AllowedValues") for value in declaration.get("AllowedValues", [])]
        shape["ParameterType"] = declaration["Type"]
        shape["ParameterConstraints"] = {"AllowedValues": allowed} if allowed else {}
    return shape


def _identifiers(template: Template) -> list[dict[str, Any]]:
    """Return, for each type that can be imported, its resources and the properties that identify one of them."""
    by_type: dict[str, list[str]] = {}
    for name, resource in template.typed_resources().items():
        by_type.setdefault(str(resource["Type"]), []).append(name)
    return [
        {"ResourceType": kind, "LogicalResourceIds": names, "ResourceIdentifiers": identifiers}
        for kind, names in sorted(by_type.items())
        if (identifiers := primary_identifier(kind))
    ]
