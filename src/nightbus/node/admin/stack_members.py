"""Reads the resources of stacks for the operator, whom no policy limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.audit.stack_names import StackMember
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.node.node import Node


async def members_of(node: Node, scope: Scope, stack: str) -> list[StackMember]:
    """Return the resources of a stack, by its name or its id. Raises AwsError."""
    reply = await call_as_operator(node, scope, "cloudformation", "DescribeStackResources", StackName=stack)
    return [member_of(one) for one in reply["StackResources"]]


def member_of(resource: Mapping[str, Any]) -> StackMember:
    return StackMember(
        resource["LogicalResourceId"], resource.get("PhysicalResourceId", ""), resource["ResourceType"]
    )


async def call_as_operator(
    node: Node, scope: Scope, service: str, operation: str, **params: Any
) -> dict[str, Any]:
    """Call an operation that no policy limits and no trail records."""
    call = Call(scope, Caller.root(scope.account), node.endpoint, trusted=True)
    return await node.platform.operations.call(service, operation, params, call)
