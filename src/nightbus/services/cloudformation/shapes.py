"""Builds the shapes of stacks, resources and change sets for replies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.deployment_config import config_reply
from nightbus.stacks.drift.records import NOT_CHECKED, ResourceDrift, stack_drift
from nightbus.stacks.events import StackEvent
from nightbus.stacks.records import ChangeSet, Deployment, Stack, StackResource
from nightbus.stacks.templates.parameters import parameters_reply
from nightbus.stacks.templates.template import Template

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}$")
BAD_TOKEN = AwsError("ValidationError", "The provided NextToken is invalid.")


def wire_time(ms: int) -> datetime | None:
    """Return the time of UTC ms; None for 0, which stands for "not yet", so that the reply leaves the member out."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


def check_stack_name(name: str) -> None:
    if not _NAME.match(name):
        raise AwsError(
            "ValidationError",
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*",
        )


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def parameter_list(deployment: Deployment) -> list[dict[str, str]]:
    return parameters_reply(
        Template(deployment.processed).parameters, deployment.parameters, deployment.resolved
    )


def stack_shape(stack: Stack, deployment: Deployment | None) -> dict[str, Any]:
    """Return the stack as DescribeStacks does. `deployment` is None for a stack that has only been reviewed."""
    description = Template(deployment.processed).description if deployment else stack.description
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "ChangeSetId": _change_set_id(stack),
        "Description": description or None,
        "Parameters": parameter_list(deployment) if deployment else [],
        "CreationTime": wire_time(stack.created),
        "LastUpdatedTime": wire_time(stack.updated),
        "DeletionTime": wire_time(stack.deleted),
        "RollbackConfiguration": {},
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason or None,
        "DisableRollback": stack.on_failure == "DO_NOTHING",
        "DeploymentConfig": config_reply(stack.mode, stack.on_failure),
        "NotificationARNs": stack.notification_arns,
        "Capabilities": deployment.capabilities if deployment else [],
        "Outputs": stack.outputs,
        "RoleARN": stack.role_arn or (deployment.role_arn if deployment else "") or None,
        "Tags": tag_list(deployment.tags) if deployment else [],
        "EnableTerminationProtection": stack.protected,
        "TimeoutInMinutes": stack.timeout_minutes or None,
        "RetainExceptOnCreate": stack.retain_except_on_create or None,
        "ParentId": stack.parent_id or None,
        "RootId": stack.root_id or None,
        "DriftInformation": _drift_information(stack),
    }


def stack_summary(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "TemplateDescription": stack.description or None,
        "CreationTime": wire_time(stack.created),
        "LastUpdatedTime": wire_time(stack.updated),
        "DeletionTime": wire_time(stack.deleted),
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason or None,
        "ParentId": stack.parent_id or None,
        "RootId": stack.root_id or None,
        "DriftInformation": _drift_information(stack),
    }


def _drift_information(stack: Stack) -> dict[str, Any]:
    status, time = stack_drift(stack)
    return {"StackDriftStatus": status, "LastCheckTimestamp": wire_time(time)}


def _change_set_id(stack: Stack) -> str | None:
    if not stack.change_set:
        return None
    return stack.id.split(":stack/", 1)[0] + ":changeSet/" + stack.change_set


def event_shape(event: StackEvent) -> dict[str, Any]:
    return {
        "StackId": event.stack_id,
        "EventId": event.id,
        "StackName": event.stack_name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": wire_time(event.time),
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason or None,
        "ResourceProperties": event.properties or None,
        "ClientRequestToken": event.token or None,
    }


def resource_shape(
    stack: Stack, resource: StackResource, time_member: str, drift: ResourceDrift | None = None
) -> dict[str, Any]:
    """Return the resource. `time_member` is Timestamp or LastUpdatedTimestamp, depending on the operation."""
    known = drift if drift is not None and drift.holds_for(resource) else None
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id or None,
        "ResourceType": resource.type,
        time_member: wire_time(resource.time),
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason or None,
        "DriftInformation": {
            "StackResourceDriftStatus": known.status if known else NOT_CHECKED,
            "LastCheckTimestamp": wire_time(known.time) if known else None,
        },
    }


def change_set_summary(change_set: ChangeSet) -> dict[str, Any]:
    return {
        "StackId": change_set.stack_id,
        "StackName": change_set.stack_name,
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "StatusReason": change_set.status_reason or None,
        "CreationTime": wire_time(change_set.created),
        "Description": change_set.description or None,
        "IncludeNestedStacks": change_set.include_nested,
        "ImportExistingResources": change_set.import_existing,
        "ParentChangeSetId": change_set.parent or None,
        "RootChangeSetId": change_set.root or None,
    }


def without_values(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a change as DescribeChangeSet does without IncludePropertyValues."""
    resource = without(change["ResourceChange"], ("BeforeContext", "AfterContext"))
    details = [
        {
            **detail,
            "Target": without(detail["Target"], ("Path", "BeforeValue", "AfterValue", "AttributeChangeType")),
        }
        for detail in resource["Details"]
    ]
    return {**change, "ResourceChange": {**resource, "Details": details}}


def newest_first(stack: Stack) -> str:
    """Return a sort key by which the newest stack is first."""
    return f"{10**15 - stack.created:016d}/{stack.id}"


def without(shape: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    left_out = set(names)
    return {name: value for name, value in shape.items() if name not in left_out}
