"""Checks that the attributes to which a template refers are those of its resources' types. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.stacks.schemas import resource_schemas
from nightbus.stacks.templates.expressions import template_error
from nightbus.stacks.templates.references import Reference, references
from nightbus.stacks.templates.schema_validation import CUSTOM_RESOURCE

_STACK = "AWS::CloudFormation::Stack"


def check_attributes(
    resources: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise AwsError ValidationError for the first attribute that its resource's type does not have.

    A custom resource has the attributes that its function or topic answers with, a nested stack has its outputs.
    """
    for reference in _attribute_references(resources, outputs):
        resource = resources.get(reference.name)
        if resource is None or reference.attribute == "*":
            continue
        if not _has(str(resource["Type"]), reference.attribute.partition(".")[0]):
            raise template_error(
                f"resource {reference.name} does not support attribute type {reference.attribute} in Fn::GetAtt"
            )


def _has(type_name: str, attribute: str) -> bool:
    """Return whether the type may have the attribute. One without a schema may have any."""
    schema = resource_schemas().get(type_name)
    if schema is None or type_name == CUSTOM_RESOURCE:
        return True
    return attribute in schema.get("properties", {}) or (type_name == _STACK and attribute == "Outputs")


def _attribute_references(
    resources: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, Mapping[str, Any]]
) -> Iterator[Reference]:
    values = [*(one.get("Properties", {}) for one in resources.values()), *outputs.values()]
    return (reference for reference in references(values) if reference.attribute)
