"""Resolves the expressions of a deployment with its parameters and the resources provisioned so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.stacks.records import Deployment, Stack, StackResource
from nightbus.stacks.stack_outputs import Outputs
from nightbus.stacks.templates.expressions import NO_VALUE
from nightbus.stacks.templates.intrinsics import Evaluator, Nothing, Provisioned
from nightbus.stacks.templates.parameters import typed
from nightbus.stacks.templates.schema_validation import CUSTOM_RESOURCE
from nightbus.stacks.templates.template import Template


class StackValues:
    """Answers Ref, Fn::GetAtt and Fn::ImportValue. `resources` is shared with the steps, which add to it."""

    def __init__(self, resources: Mapping[str, StackResource], exports: Mapping[str, str]) -> None:
        self._resources = resources
        self._exports = exports

    def reference(self, logical_id: str) -> Any:
        return self._current(logical_id).physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        resource = self._current(logical_id)
        attributes = resource.current.attributes if resource.current else {}
        if name in attributes:
            return attributes[name]
        if resource.type.startswith("Custom::") or resource.type == CUSTOM_RESOURCE:
            raise AwsError(
                "ValidationError",
                f"CustomResource attribute error: Vendor response doesn't contain {name} attribute in object "
                f"{resource.physical_id} of resource {logical_id}",
            )
        raise AwsError(
            "ValidationError",
            f"Template error: resource {logical_id} does not support attribute type {name} in Fn::GetAtt",
        )

    def imported(self, name: str) -> Any:
        if name not in self._exports:
            raise AwsError("ValidationError", f"No export named {name} found.")
        return self._exports[name]

    def _current(self, logical_id: str) -> StackResource:
        resource = self._resources.get(logical_id)
        if resource is None or resource.current is None:
            raise AwsError(
                "ValidationError",
                f"Template format error: Unresolved resource dependencies [{logical_id}] in the Resources block "
                "of the template",
            )
        return resource


def pseudo_parameters(scope: Scope, stack_id: str, stack_name: str) -> dict[str, Any]:
    partition = partition_of(scope.region)
    return {
        "AWS::AccountId": scope.account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": partition,
        "AWS::Region": scope.region,
        "AWS::StackId": stack_id,
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }


def evaluator(
    deployment: Deployment,
    scope: Scope,
    stack: Stack,
    provisioned: Provisioned | None = None,
    stack_outputs: Outputs | None = None,
) -> Evaluator:
    """Return what evaluates the template. `stack_outputs` are those of other stacks, None: not read yet."""
    template = Template(deployment.processed)
    values = typed(template.parameters, deployment.values)
    return Evaluator(
        {
            **pseudo_parameters(scope, stack.id, stack.name),
            "AWS::NotificationARNs": stack.notification_arns,
            **values,
        },
        template.section("Mappings"),
        template.section("Conditions"),
        provisioned or Nothing(),
        extended=True,  # whether its functions are allowed was checked with the template
        stack_outputs=stack_outputs,
    )


def evaluate_conditions(expressions: Evaluator) -> dict[str, bool]:
    return {name: expressions.holds(name) for name in expressions.conditions}


def chosen_resources(template: Template, conditions: Mapping[str, bool]) -> dict[str, dict[str, Any]]:
    """Return the resources whose conditions hold."""
    return {name: resource for name, resource in template.resources.items() if _holds(resource, conditions)}


def outputs_of(
    template: Template, expressions: Evaluator, conditions: Mapping[str, bool]
) -> list[dict[str, str]]:
    """Return the outputs as DescribeStacks does, sorted by key."""
    outputs: list[dict[str, str]] = []
    for name, output in sorted(template.outputs.items()):
        if not _holds(output, conditions):
            continue
        value = expressions.evaluate(output["Value"])
        if value is NO_VALUE:
            continue
        if isinstance(value, dict | list):
            raise AwsError(
                "ValidationError",
                f"Template format error: The Value field of every Outputs member must evaluate to a String "
                f"and not a {'List' if isinstance(value, list) else 'Map'} ({name}).",
            )
        output_reply = {"OutputKey": name, "OutputValue": _text(value)}
        if "Description" in output:
            output_reply["Description"] = str(output["Description"])
        if output.get("Export"):
            output_reply["ExportName"] = _text(expressions.evaluate(output["Export"]["Name"]))
        outputs.append(output_reply)
    return outputs


def _holds(member: Mapping[str, Any], conditions: Mapping[str, bool]) -> bool:
    return "Condition" not in member or conditions[member["Condition"]]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
