"""Defines the record of a repository, which has everything of it, and finds and changes it.

A registry is an account's in a region. A caller of another account needs the repository's policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import arn, partition_of
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.policies.callers import refusal, request_by
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import compiled_policy
from nightbus.policies.request import NO_KEYS
from nightbus.services.context import Context
from nightbus.services.ecr.errors import no_repository
from nightbus.store.changing import change
from nightbus.store.interface import Record

REPOSITORY = "ecr/repository"


def registry_scope(ctx: Context, registry: str | None) -> Scope:
    return Scope(registry or ctx.account, ctx.region)


async def find_repository(ctx: Context, name: str, registry: str | None, action: str) -> Record:
    """Return the repository's record. Raises AwsError if there is none, or the caller must not do `action` to it."""
    scope = registry_scope(ctx, registry)
    record = await ctx.store.get(scope, REPOSITORY, name)
    if record is None:
        raise no_repository(name, scope.account)
    if scope.account != ctx.account or (record.value["policy"] and ctx.caller.arn):
        arn = repository_arn(scope, name)
        policy = compiled_policy(record.value["policy"] or "{}", PolicyKind.RESOURCE, arn)
        keys = ctx.policy_keys(policy, f"ecr:{action}", arn)
        request = request_by(ctx.caller, f"ecr:{action}", arn, keys or NO_KEYS)
        refused = refusal(policy, request, scope.account)
        if refused and ctx.enforces:
            raise AwsError("AccessDeniedException", refused)
    return record


async def change_repository(
    ctx: Context, name: str, registry: str | None, action: str, edit: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Commit what `edit` has altered in place of the repository's value, and return the value."""

    def edited(value: dict[str, Any]) -> dict[str, Any]:
        edit(value)
        return value

    async def find() -> Record:
        return await find_repository(ctx, name, registry, action)

    return await change(ctx.store, registry_scope(ctx, registry), REPOSITORY, find, edited)


def repository_arn(scope: Scope, name: str) -> str:
    return arn("ecr", scope.region, scope.account, f"repository/{name}")


def named(ctx: Context, name: str, registry: str | None, **members: Any) -> dict[str, Any]:
    """Return the reply of the operations on one setting of a repository."""
    return {"registryId": registry or ctx.account, "repositoryName": name, **members}


def described(scope: Scope, record_value: Mapping[str, Any]) -> dict[str, Any]:
    name = record_value["name"]
    suffix = "amazonaws.com.cn" if partition_of(scope.region) == "aws-cn" else "amazonaws.com"
    reply = {
        "repositoryArn": repository_arn(scope, name),
        "registryId": scope.account,
        "repositoryName": name,
        "repositoryUri": f"{scope.account}.dkr.ecr.{scope.region}.{suffix}/{name}",
        "createdAt": datetime.fromtimestamp(record_value["created"] / 1000, UTC),
        "imageTagMutability": record_value["mutability"],
        "imageScanningConfiguration": {"scanOnPush": record_value["scan_on_push"]},
        "encryptionConfiguration": record_value["encryption"],
    }
    if record_value["exclusions"]:
        reply["imageTagMutabilityExclusionFilters"] = record_value["exclusions"]
    return reply
