"""Sets, returns and deletes the policies by which other accounts reach a repository."""

from __future__ import annotations

from typing import Any

from nightbus.aws.documents import read_document
from nightbus.policies.grammar import is_resource_policy
from nightbus.services.context import Context
from nightbus.services.ecr.errors import invalid_parameter, no_repository_policy
from nightbus.services.ecr.records import (
    REPOSITORY,
    change_repository,
    find_repository,
    named,
    registry_scope,
)
from nightbus.services.known_principals import named_principals
from nightbus.store.interface import PutRecord


async def set_repository_policy(
    ctx: Context,
    *,
    repository_name: str,
    policy_text: str,
    registry_id: str | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Set the policy. `force` is accepted: no policy here can lock its own account out."""
    invalid = invalid_parameter("PolicyText", "Invalid repository policy provided")
    if not _is_policy(policy_text):
        raise invalid
    record = await find_repository(ctx, repository_name, registry_id, "SetRepositoryPolicy")
    principals = await named_principals(ctx, ctx.account, policy_text)
    if principals.unknown is not None:
        raise invalid
    value = {**record.value, "policy": policy_text}
    scope = registry_scope(ctx, registry_id)
    await ctx.store.commit(
        PutRecord(scope, REPOSITORY, record.key, value, record.revision), *principals.changes
    )
    return named(ctx, repository_name, registry_id, policyText=policy_text)


async def get_repository_policy(
    ctx: Context, *, repository_name: str, registry_id: str | None = None
) -> dict[str, Any]:
    record = await find_repository(ctx, repository_name, registry_id, "GetRepositoryPolicy")
    if record.value["policy"] is None:
        raise no_repository_policy(repository_name, registry_id or ctx.account)
    return named(ctx, repository_name, registry_id, policyText=record.value["policy"])


async def delete_repository_policy(
    ctx: Context, *, repository_name: str, registry_id: str | None = None
) -> dict[str, Any]:
    deleted: list[str] = []

    def edit(value: dict[str, Any]) -> None:
        if value["policy"] is None:
            raise no_repository_policy(repository_name, registry_id or ctx.account)
        deleted[:] = [value["policy"]]
        value["policy"] = None

    await change_repository(ctx, repository_name, registry_id, "DeleteRepositoryPolicy", edit)
    return named(ctx, repository_name, registry_id, policyText=deleted[0])


def _is_policy(document: str) -> bool:
    try:
        policy = read_document(document)
    except ValueError:
        return False
    return is_resource_policy(policy)
