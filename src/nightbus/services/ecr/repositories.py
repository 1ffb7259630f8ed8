"""Creates, describes and deletes repositories, and changes their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.ecr.errors import invalid_parameter, no_repository, repository_exists
from nightbus.services.ecr.records import (
    REPOSITORY,
    change_repository,
    described,
    find_repository,
    named,
    registry_scope,
)
from nightbus.services.ecr.tags import Tag, checked_tags
from nightbus.store.interface import Conflict, DeleteRecord, PutRecord

_PAGE = 100
_MOST_EXCLUSIONS = 5
_MUTABLE = "MUTABLE"
_WITH_EXCLUSION = "_WITH_EXCLUSION"


async def create_repository(
    ctx: Context,
    *,
    repository_name: str,
    registry_id: str | None = None,
    tags: Sequence[Tag] = (),
    image_tag_mutability: str = _MUTABLE,
    image_tag_mutability_exclusion_filters: Sequence[Mapping[str, str]] = (),
    image_scanning_configuration: Mapping[str, Any] | None = None,
    encryption_configuration: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Create a repository. Its encryption is kept and shown: there are no images to encrypt."""
    if registry_id not in (None, ctx.account):
        raise AwsError("AccessDeniedException", "Repositories are created in the caller's own registry.")
    _check_exclusions(image_tag_mutability, image_tag_mutability_exclusion_filters)
    value = {
        "name": repository_name,
        "created": ctx.now_ms(),
        "mutability": image_tag_mutability,
        "exclusions": list(image_tag_mutability_exclusion_filters),
        "scan_on_push": (image_scanning_configuration or {}).get("scanOnPush", False),
        "encryption": _encryption(encryption_configuration),
        "tags": checked_tags(tags),
        "policy": None,
        "lifecycle": None,
    }
    try:
        await ctx.store.commit(PutRecord(ctx.scope, REPOSITORY, repository_name, value, expect=0))
    except Conflict:
        raise repository_exists(repository_name, ctx.account) from None
    return {"repository": described(ctx.scope, value)}


def _encryption(configuration: Mapping[str, str] | None) -> dict[str, str]:
    kept = dict(configuration or {"encryptionType": "AES256"})
    if kept["encryptionType"] == "AES256" and "kmsKey" in kept:
        raise invalid_parameter("encryptionConfiguration", "kmsKey is only valid with encryptionType KMS")
    return kept


def _check_exclusions(mutability: str, filters: Sequence[Mapping[str, str]]) -> None:
    name = "imageTagMutabilityExclusionFilters"
    if mutability.endswith(_WITH_EXCLUSION) != bool(filters):
        raise invalid_parameter(name, f"Filters belong to a mutability that ends in {_WITH_EXCLUSION}")
    if len(filters) > _MOST_EXCLUSIONS:
        raise invalid_parameter(name, f"Member must have length less than or equal to {_MOST_EXCLUSIONS}")


async def describe_repositories(
    ctx: Context,
    *,
    registry_id: str | None = None,
    repository_names: Sequence[str] = (),
    next_token: str | None = None,
    max_results: int = _PAGE,
) -> dict[str, Any]:
    scope = registry_scope(ctx, registry_id)
    if repository_names:
        if next_token is not None:
            raise invalid_parameter("nextToken", "It cannot be used together with repositoryNames")
        found = [
            await find_repository(ctx, name, registry_id, "DescribeRepositories") for name in repository_names
        ]
        return {"repositories": [described(scope, record.value) for record in found]}
    if scope.account != ctx.account:
        raise AwsError("AccessDeniedException", "Name the repositories of another account's registry.")
    records = await ctx.store.list(scope, REPOSITORY)
    chosen, token = page(
        records, lambda one: one.key, max_results, next_token, invalid_parameter("nextToken", "Invalid token")
    )
    return {"repositories": [described(scope, record.value) for record in chosen], "nextToken": token}


async def describe_registry(ctx: Context) -> dict[str, Any]:
    return {"registryId": ctx.account, "replicationConfiguration": {"rules": []}}


async def delete_repository(
    ctx: Context, *, repository_name: str, registry_id: str | None = None, force: bool = False
) -> dict[str, Any]:
    """Delete a repository. `force` changes nothing, because no repository has images."""
    scope = registry_scope(ctx, registry_id)
    record = await find_repository(ctx, repository_name, registry_id, "DeleteRepository")
    try:
        await ctx.store.commit(DeleteRecord(scope, REPOSITORY, repository_name))
    except Conflict:
        raise no_repository(repository_name, scope.account) from None
    return {"repository": described(scope, record.value)}


async def put_image_tag_mutability(
    ctx: Context,
    *,
    repository_name: str,
    image_tag_mutability: str,
    registry_id: str | None = None,
    image_tag_mutability_exclusion_filters: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    _check_exclusions(image_tag_mutability, image_tag_mutability_exclusion_filters)

    def edit(value: dict[str, Any]) -> None:
        value["mutability"] = image_tag_mutability
        value["exclusions"] = list(image_tag_mutability_exclusion_filters)

    value = await change_repository(ctx, repository_name, registry_id, "PutImageTagMutability", edit)
    reply = named(ctx, repository_name, registry_id, imageTagMutability=image_tag_mutability)
    return reply | (
        {"imageTagMutabilityExclusionFilters": value["exclusions"]} if value["exclusions"] else {}
    )


async def put_image_scanning_configuration(
    ctx: Context,
    *,
    repository_name: str,
    image_scanning_configuration: Mapping[str, Any],
    registry_id: str | None = None,
) -> dict[str, Any]:
    scan = image_scanning_configuration.get("scanOnPush", False)

    def edit(value: dict[str, Any]) -> None:
        value["scan_on_push"] = scan

    await change_repository(ctx, repository_name, registry_id, "PutImageScanningConfiguration", edit)
    return named(ctx, repository_name, registry_id, imageScanningConfiguration={"scanOnPush": scan})
