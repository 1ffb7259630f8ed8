"""Explains refusals and suggests policies, for whoever runs the node: `why-denied`, `policy/suggest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.audit.refusals import find_refusals, last_refusals, scope_of
from nightbus.audit.seen_needs import seen_of
from nightbus.audit.stack_names import StackMember, StackNames
from nightbus.audit.suggestions import statements
from nightbus.aws.arn import last_part
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.node.admin.operator import require_operator
from nightbus.node.admin.request import AdminRequest, body_scope, body_text
from nightbus.node.node import Node

_FUNCTION = "AWS::Lambda::Function"
_MOST = 1000


async def why_denied(request: AdminRequest) -> dict[str, Any]:
    """Body: `id` (a request's), or `limit` (default 10), `account` and `audit` (only what went on in audit mode).

    The answer has `refusals`, each with `add_to`: where a statement is to be added. Raises AwsError.
    """
    require_operator(request, "nightbus why-denied")
    body = await request.read_json()
    node, request_id = request.node, body_text(body, "id")
    await node.trail.written()
    if request_id:
        refusals = await find_refusals(node.store, request_id)
        if not refusals:
            raise AwsError("ResourceNotFoundException", f"No refusal of a request {request_id} is kept.", 404)
    else:
        limit = body.get("limit", 10)
        if not isinstance(limit, int) or not 1 <= limit <= _MOST:
            raise AwsError("ValidationException", f"`limit` must be between 1 and {_MOST}.")
        enforced = False if body.get("audit") else None
        account = body_text(body, "account")
        refusals = await last_refusals(node.store, account, limit, enforced=enforced)
    return {"refusals": [{**one, "add_to": await _add_to(node, one)} for one in refusals]}


async def suggest_policy(request: AdminRequest) -> dict[str, Any]:
    """Body: `stack` (its name), `function` (a logical or physical id; all without it), `account` and `region`.

    The answer has `suggestions`: for each role the functions that have it, and `statements`. Raises AwsError.
    """
    require_operator(request, "nightbus policy suggest")
    body = await request.read_json()
    scope, stack, chosen = body_scope(body), body_text(body, "stack"), body_text(body, "function")
    node = request.node
    await node.trail.written()
    reply = await _call(node, scope, "cloudformation", "DescribeStackResources", StackName=stack)
    members = [_member(one) for one in reply["StackResources"]]
    by_role: dict[str, list[str]] = {}
    for member in members:
        if member.type == _FUNCTION and chosen in ("", member.logical_id, member.physical_id):
            function = await _call(
                node, scope, "lambda", "GetFunctionConfiguration", FunctionName=member.physical_id
            )
            by_role.setdefault(function["Role"], []).append(member.logical_id)
    if not by_role:
        raise AwsError("ResourceNotFoundException", f"Stack {stack} has no such function.", 404)
    return {
        "stack": stack,
        "suggestions": [
            {
                "role": role,
                "functions": functions,
                "statements": statements(
                    await seen_of(node.store, role),
                    StackNames(*scope, members, functions).written,
                ),
            }
            for role, functions in by_role.items()
        ],
    }


async def _add_to(node: Node, refusal: Mapping[str, Any]) -> dict[str, Any]:
    """Return who gets the statement: a role, which may be that of a function of a stack, a user, or a resource."""
    remedy, principal = refusal["remedy"], refusal["principal"]
    if remedy["kind"] == "resource-based policy":
        return {"resource": refusal["resource"]}
    if remedy["kind"] == "role trust policy":
        return {"role": last_part(refusal["resource"])}
    if ":user/" in principal:
        return {"user": last_part(principal)}
    role = refusal["role"] or principal
    name = role.split("/")[1] if ":assumed-role/" in role else last_part(role)
    found: dict[str, Any] = {"role": name}
    try:
        reply = await _call(
            node, scope_of(refusal), "cloudformation", "DescribeStackResources", PhysicalResourceId=name
        )
    except AwsError:
        return found
    members = [_member(one) for one in reply["StackResources"]]
    found["stack"] = reply["StackResources"][0]["StackName"]
    logical_id = next(one.logical_id for one in members if one.physical_id == name)
    functions = [one.logical_id for one in members if one.type == _FUNCTION]
    function = logical_id.removesuffix("Role")
    if (
        logical_id.endswith("Role") and function in functions
    ):  # so SAM names the role that it makes for a function
        found["function"] = function
    if "statement" in remedy:
        own = [found["function"]] if "function" in found else []
        names = StackNames(*scope_of(refusal), members, own)
        resource = remedy["statement"].get("Resource", "*")
        found["statement"] = {
            **remedy["statement"],
            "Resource": resource if resource == "*" else names.written(resource),
        }
    return found


def _member(resource: Mapping[str, Any]) -> StackMember:
    return StackMember(
        resource["LogicalResourceId"], resource.get("PhysicalResourceId", ""), resource["ResourceType"]
    )


async def _call(node: Node, scope: Scope, service: str, operation: str, **params: Any) -> dict[str, Any]:
    """Call an operation for the operator, which no policy limits and no trail records."""
    call = Call(scope, Caller.root(scope.account), node.endpoint, trusted=True)
    return await node.platform.operations.call(service, operation, params, call)
