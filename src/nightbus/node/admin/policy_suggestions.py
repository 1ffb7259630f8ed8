"""Suggests policies for the roles of a stack and of its nested stacks, by what they were seen to ask for.

It answers `policy/suggest`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote

from nightbus.audit.seen_needs import seen_of
from nightbus.audit.stack_names import StackMember, StackNames
from nightbus.audit.suggestions import statements
from nightbus.aws.arn import last_part
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.node.admin.operator import require_operator
from nightbus.node.admin.request import AdminRequest, body_scope, body_text
from nightbus.node.admin.stack_members import call_as_operator, members_of
from nightbus.node.node import Node

_FUNCTION, _ROLE, _STACK = "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::CloudFormation::Stack"


async def suggest_policy(request: AdminRequest) -> dict[str, Any]:
    """Body: `stack` (its name), `function` (a logical or physical id; all without it), `account` and `region`.

    The answer has `suggestions`, one for each role that functions of the stack and of its nested stacks have, and one
    for each other role of these stacks: `stack` (logical ids of nested stacks after the name), `role` (its ARN),
    `logical_id` (of a role of the stack), `functions` that have it, `services` that may use it, and `statements`.
    Raises AwsError.
    """
    require_operator(request, "nightbus policy suggest")
    body = await request.read_json()
    scope, stack, chosen = body_scope(body), body_text(body, "stack"), body_text(body, "function")
    await request.node.trail.written()
    suggestions = [
        one
        for path, members in await _stacks(request.node, scope, stack, (stack,))
        for one in await _suggestions(request.node, scope, path, members, chosen)
    ]
    if not suggestions:
        raise AwsError("ResourceNotFoundException", f"Stack {stack} has no such function.", 404)
    return {"stack": stack, "suggestions": suggestions}


async def _stacks(
    node: Node, scope: Scope, stack: str, path: Sequence[str]
) -> list[tuple[Sequence[str], list[StackMember]]]:
    """Return a stack and its nested stacks, each with the way to it and its resources."""
    members = await members_of(node, scope, stack)
    found = [(path, members)]
    for one in members:
        if one.type == _STACK and one.physical_id:
            found += await _stacks(node, scope, one.physical_id, (*path, one.logical_id))
    return found


async def _suggestions(
    node: Node, scope: Scope, path: Sequence[str], members: Sequence[StackMember], chosen: str
) -> list[dict[str, Any]]:
    users = await _functions_by_role(node, scope, members, chosen)
    roles = {one.physical_id: one.logical_id for one in members if one.type == _ROLE and one.physical_id}
    if not chosen:
        names = {last_part(role) for role in users}
        for name in roles.keys() - names:
            users[await _role_arn(node, scope, name)] = []
    suggestions = []
    for role, functions in sorted(users.items(), key=lambda pair: (not pair[1], pair[1], pair[0])):
        written = StackNames(*scope, members, functions).written
        suggestions.append(
            {
                "stack": "/".join(path),
                "role": role,
                "logical_id": roles.get(last_part(role), ""),
                "functions": functions,
                "services": await _services(node, scope, role),
                "statements": statements(await seen_of(node.store, role), written),
            }
        )
    return suggestions


async def _functions_by_role(
    node: Node, scope: Scope, members: Iterable[StackMember], chosen: str
) -> dict[str, list[str]]:
    by_role: dict[str, list[str]] = {}
    for member in members:
        if member.type == _FUNCTION and chosen in ("", member.logical_id, member.physical_id):
            function = await call_as_operator(
                node, scope, "lambda", "GetFunctionConfiguration", FunctionName=member.physical_id
            )
            by_role.setdefault(function["Role"], []).append(member.logical_id)
    return by_role


async def _role_arn(node: Node, scope: Scope, name: str) -> str:
    reply = await call_as_operator(node, scope, "iam", "GetRole", RoleName=name)
    return str(reply["Role"]["Arn"])


async def _services(node: Node, scope: Scope, role: str) -> list[str]:
    """Return the services that the role's trust policy names, none for a role that IAM does not have."""
    try:
        reply = await call_as_operator(node, scope, "iam", "GetRole", RoleName=last_part(role))
    except AwsError:
        return []
    document = json.loads(unquote(reply["Role"]["AssumeRolePolicyDocument"]))
    given = document["Statement"]
    found = set[str]()
    for statement in given if isinstance(given, list) else [given]:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        found |= {services} if isinstance(services, str) else set(services)
    return sorted(found)
