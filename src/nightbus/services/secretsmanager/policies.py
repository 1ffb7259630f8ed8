"""Stores, returns, deletes and validates the resource policies of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError
from nightbus.policies.grammar import is_resource_policy, statements_of
from nightbus.services.context import Context
from nightbus.services.known_principals import named_principals
from nightbus.services.secretsmanager.records import find_secret
from nightbus.services.secretsmanager.storing import save

_REQUIRED = (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))


async def put_resource_policy(
    ctx: Context, *, secret_id: str, resource_policy: str, block_public_policy: bool = False
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "PutResourcePolicy", to_change=True)
    problem = _problem(resource_policy)
    if problem:
        raise AwsError("MalformedPolicyDocumentException", problem)
    principals = await named_principals(ctx, secret.scope.account, resource_policy)
    if principals.unknown is not None:
        text = "This resource policy contains an unsupported principal."
        raise AwsError("MalformedPolicyDocumentException", text)
    if block_public_policy and _is_public(resource_policy):
        raise AwsError(
            "PublicPolicyException",
            "You can't attach a resource policy that allows broad access to the secret while BlockPublicPolicy is set.",
        )
    secret.value["policy"] = resource_policy
    await save(ctx, secret, *principals.changes)
    return secret.named()


async def get_resource_policy(ctx: Context, *, secret_id: str) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "GetResourcePolicy")
    return {**secret.named(), "ResourcePolicy": secret.value["policy"] or None}


async def delete_resource_policy(ctx: Context, *, secret_id: str) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "DeleteResourcePolicy", to_change=True)
    secret.value["policy"] = ""
    await save(ctx, secret)
    return secret.named()


async def validate_resource_policy(
    ctx: Context, *, resource_policy: str, secret_id: str | None = None
) -> dict[str, Any]:
    if secret_id is not None:
        await find_secret(ctx, secret_id, "ValidateResourcePolicy")
    problem = _problem(resource_policy)
    errors = [{"CheckName": "PolicySyntax", "ErrorMessage": problem}] if problem else []
    if not problem and _is_public(resource_policy):
        errors.append(
            {"CheckName": "PublicAccess", "ErrorMessage": "The policy allows broad access to the secret."}
        )
    return {"PolicyValidationPassed": not errors, "ValidationErrors": errors}


def _problem(document: str) -> str:
    """Return what is wrong with a policy, "" for nothing."""
    try:
        policy = read_document(document)
    except ValueError:
        return "This resource policy is not valid JSON."
    if not isinstance(policy, Mapping) or not policy.get("Statement"):
        return "This resource policy contains an unsupported statement."
    for statement in statements_of(document):
        if statement.get("Effect") not in ("Allow", "Deny"):
            return "This resource policy contains a statement without an effect of Allow or Deny."
        for names in _REQUIRED:
            if sum(name in statement for name in names) != 1:
                return f"This resource policy contains a statement without a {names[0].lower()}."
    return "" if is_resource_policy(policy) else "This resource policy contains an unsupported statement."


def _is_public(document: str) -> bool:
    """Return whether a statement allows everybody something without a condition."""
    return any(
        one["Effect"] == "Allow"
        and not one.get("Condition")
        and (one.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]}) or "NotPrincipal" in one)
        for one in statements_of(document)
    )
