"""Implements AWS::ECR::Repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import boolean, changed, converted, document_text

_LONGEST_NAME = 256


class EcrRepository:
    type_name = "AWS::ECR::Repository"
    properties = frozenset(
        {
            "EmptyOnDelete", "EncryptionConfiguration", "ImageScanningConfiguration", "ImageTagMutability",
            "ImageTagMutabilityExclusionFilters", "LifecyclePolicy", "RepositoryName", "RepositoryPolicyText", "Tags",
        }
    )  # fmt: skip
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"EncryptionConfiguration", "RepositoryName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("RepositoryName")
        if template_name:
            return str(template_name)
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME, lower=True)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {**_mutability(properties), "tags": as_list(all_tags(properties, ctx))}
        encryption = properties.get("EncryptionConfiguration")
        if encryption:
            request["encryptionConfiguration"] = _camel(encryption)
        if properties.get("ImageScanningConfiguration"):
            request["imageScanningConfiguration"] = _scanning(properties)
        try:
            await ctx.operation("ecr", "CreateRepository", repositoryName=name, **request)
        except AwsError as error:
            if not is_there_already(error):
                raise
            tags = await ctx.inspect("ecr", "ListTagsForResource", resourceArn=_arn(str(name), ctx))
            if not belongs_to_resource(tag_map(tags["tags"]), ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _set_policies(str(name), {}, properties, ctx)
        return await _resource(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "ImageTagMutability", "ImageTagMutabilityExclusionFilters"):
            await ctx.operation(
                "ecr", "PutImageTagMutability", repositoryName=physical_id, **_mutability(new)
            )
        if changed(old, new, "ImageScanningConfiguration"):
            await ctx.operation(
                "ecr", "PutImageScanningConfiguration", repositoryName=physical_id,
                imageScanningConfiguration=_scanning(new),
            )  # fmt: skip
        await _set_policies(physical_id, old, new, ctx)
        await _retag(physical_id, all_tags(new, ctx), ctx)
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        force = converted("EmptyOnDelete", properties.get("EmptyOnDelete") or False, boolean)
        with ignore_missing():
            await ctx.operation("ecr", "DeleteRepository", repositoryName=physical_id, force=force)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        (found,) = (await ctx.operation("ecr", "DescribeRepositories", repositoryNames=[physical_id]))[
            "repositories"
        ]
        tags = await ctx.operation("ecr", "ListTagsForResource", resourceArn=found["repositoryArn"])
        live: dict[str, Any] = {
            **(await _resource(physical_id, ctx)).attributes,
            "EncryptionConfiguration": _pascal(found.get("encryptionConfiguration") or {}),
            "ImageScanningConfiguration": _pascal(found.get("imageScanningConfiguration") or {}),
            "ImageTagMutability": found.get("imageTagMutability"),
            "ImageTagMutabilityExclusionFilters": _filters(found),
            "RepositoryName": physical_id,
            "Tags": own_tags(tag_map(tags["tags"])),
        }
        with ignore_missing():
            reply = await ctx.operation("ecr", "GetRepositoryPolicy", repositoryName=physical_id)
            live["RepositoryPolicyText"] = reply["policyText"]
        with ignore_missing():
            reply = await ctx.operation("ecr", "GetLifecyclePolicy", repositoryName=physical_id)
            live["LifecyclePolicy"] = {"LifecyclePolicyText": reply["lifecyclePolicyText"]}
        return live


def _camel(structure: Mapping[str, Any]) -> dict[str, Any]:
    """Return a structure of the template as the API has it: with names that begin in lower case."""
    return {name[0].lower() + name[1:]: value for name, value in structure.items()}


def _mutability(properties: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"imageTagMutability": properties.get("ImageTagMutability") or "MUTABLE"}
    filters = properties.get("ImageTagMutabilityExclusionFilters")
    if filters:
        prefix = "ImageTagMutabilityExclusionFilter"
        request["imageTagMutabilityExclusionFilters"] = [
            {"filterType": one[f"{prefix}Type"], "filter": one[f"{prefix}Value"]} for one in filters
        ]
    return request


def _scanning(properties: Mapping[str, Any]) -> dict[str, bool]:
    scan = (properties.get("ImageScanningConfiguration") or {}).get("ScanOnPush") or False
    return {"scanOnPush": converted("ScanOnPush", scan, boolean)}


def _lifecycle(properties: Mapping[str, Any]) -> str | None:
    text = (properties.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")
    return document_text(text) if text else None


async def _set_policies(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
) -> None:
    before, after = old.get("RepositoryPolicyText"), new.get("RepositoryPolicyText")
    if after and before != after:
        await ctx.operation(
            "ecr", "SetRepositoryPolicy", repositoryName=name, policyText=document_text(after)
        )
    elif before and not after:
        with ignore_missing():
            await ctx.operation("ecr", "DeleteRepositoryPolicy", repositoryName=name)
    before, after = _lifecycle(old), _lifecycle(new)
    if after and before != after:
        await ctx.operation("ecr", "PutLifecyclePolicy", repositoryName=name, lifecyclePolicyText=after)
    elif before and not after:
        with ignore_missing():
            await ctx.operation("ecr", "DeleteLifecyclePolicy", repositoryName=name)


async def _retag(name: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    resource_arn = _arn(name, ctx)
    existing = tag_map((await ctx.inspect("ecr", "ListTagsForResource", resourceArn=resource_arn))["tags"])
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("ecr", "UntagResource", resourceArn=resource_arn, tagKeys=surplus)
    if existing != dict(tags):
        await ctx.operation("ecr", "TagResource", resourceArn=resource_arn, tags=as_list(tags))


def _arn(name: str, ctx: ResourceContext) -> str:
    return arn("ecr", ctx.call.scope.region, ctx.call.scope.account, f"repository/{name}")


async def _resource(name: str, ctx: ResourceContext) -> Resource:
    (found,) = (await ctx.inspect("ecr", "DescribeRepositories", repositoryNames=[name]))["repositories"]
    return Resource(name, {"Arn": found["repositoryArn"], "RepositoryUri": found["repositoryUri"]})


def _pascal(structure: Mapping[str, Any]) -> dict[str, Any]:
    """Return a structure of the API as templates have it: with names that begin in upper case."""
    return {name[0].upper() + name[1:]: value for name, value in structure.items()}


def _filters(repository: Mapping[str, Any]) -> list[dict[str, Any]]:
    prefix = "ImageTagMutabilityExclusionFilter"
    return [
        {f"{prefix}Type": one["filterType"], f"{prefix}Value": one["filter"]}
        for one in repository.get("imageTagMutabilityExclusionFilters") or ()
    ]
