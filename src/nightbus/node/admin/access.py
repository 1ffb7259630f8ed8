"""Explains refusals for whoever runs the node: `why-denied`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.audit.refusals import find_refusals, last_refusals, scope_of
from nightbus.audit.stack_names import StackNames
from nightbus.aws.arn import last_part
from nightbus.aws.errors import AwsError
from nightbus.node.admin.operator import require_operator
from nightbus.node.admin.request import AdminRequest, body_text
from nightbus.node.admin.stack_members import call_as_operator, member_of
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
    return {"refusals": [{**one, "add_to": await add_to(node, one)} for one in refusals]}


async def add_to(node: Node, refusal: Mapping[str, Any]) -> dict[str, Any]:
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
        reply = await call_as_operator(
            node, scope_of(refusal), "cloudformation", "DescribeStackResources", PhysicalResourceId=name
        )
    except AwsError:
        return found
    members = [member_of(one) for one in reply["StackResources"]]
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
