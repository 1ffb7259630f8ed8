"""Checks that the attributes to which a template refers are those of its resources' types. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.stacks.schemas import resource_schemas
from nightbus.stacks.templates.expressions import template_error
from nightbus.stacks.templates.references import Reference, references

# The attributes of these are the outputs of a nested stack, and what a custom resource answers.
_OPEN = frozenset({"AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Stack"})


def check_attributes(
    resources: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise AwsError ValidationError for the first attribute that its resource's type does not have."""
    for reference in _attribute_references(resources, outputs):
        resource = resources.get(reference.name)
        schema = resource_schemas().get(str(resource["Type"])) if resource else None
        if schema is None or reference.attribute == "*" or schema.get("typeName") in _OPEN:
            continue
        if reference.attribute.partition(".")[0] not in schema.get("properties", {}):
            raise template_error(
                f"resource {reference.name} does not support attribute type {reference.attribute} in Fn::GetAtt"
            )


def _attribute_references(
    resources: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, Mapping[str, Any]]
) -> Iterator[Reference]:
    values = [*(one.get("Properties", {}) for one in resources.values()), *outputs.values()]
    return (reference for reference in references(values) if reference.attribute)
