"""Implements AWS::IAM::SAMLProvider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import changed

_LONGEST_NAME = 128
_MODE = "AssertionEncryptionMode"


class IamSamlProvider:
    type_name = "AWS::IAM::SAMLProvider"
    properties = frozenset({_MODE, "Name", "SamlMetadataDocument", "Tags"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Name"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        name = properties.get("Name") or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        return f"arn:{partition_of(ctx.call.scope.region)}:iam::{ctx.call.scope.account}:saml-provider/{name}"

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        try:
            await ctx.operation(
                "iam",
                "CreateSAMLProvider",
                Name=str(name).rpartition("/")[2],
                SAMLMetadataDocument=properties.get("SamlMetadataDocument"),
                AssertionEncryptionMode=properties.get(_MODE),
                Tags=as_list(all_tags(properties, ctx)),
            )
        except AwsError as error:
            if not is_there_already(error):
                raise
            shown = await _shown(str(name), ctx)
            if not belongs_to_resource(tag_map(shown.get("Tags") or []), ctx):
                raise
        return await _resource(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "SamlMetadataDocument") or changed(old, new, _MODE):
            await ctx.operation(
                "iam",
                "UpdateSAMLProvider",
                SAMLProviderArn=physical_id,
                SAMLMetadataDocument=new.get("SamlMetadataDocument"),
                AssertionEncryptionMode=new.get(_MODE) or "Allowed",
            )
        existing = tag_map((await _shown(physical_id, ctx)).get("Tags") or [])
        tags = all_tags(new, ctx)
        surplus = sorted(set(existing) - set(tags))
        if surplus:
            await ctx.operation("iam", "UntagSAMLProvider", SAMLProviderArn=physical_id, TagKeys=surplus)
        if existing != dict(tags):
            await ctx.operation("iam", "TagSAMLProvider", SAMLProviderArn=physical_id, Tags=as_list(tags))
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("iam", "DeleteSAMLProvider", SAMLProviderArn=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        shown = await _shown(physical_id, ctx)
        return {
            _MODE: shown[_MODE],
            "Arn": physical_id,
            "Name": physical_id.rpartition("/")[2],
            "SamlMetadataDocument": shown["SAMLMetadataDocument"],
            "SamlProviderUUID": shown["SAMLProviderUUID"],
            "Tags": own_tags(tag_map(shown.get("Tags") or [])),
        }


async def _shown(arn: str, ctx: ResourceContext) -> Mapping[str, Any]:
    return await ctx.operation("iam", "GetSAMLProvider", SAMLProviderArn=arn)


async def _resource(arn: str, ctx: ResourceContext) -> Resource:
    shown = await _shown(arn, ctx)
    return Resource(arn, {"Arn": arn, "SamlProviderUUID": shown["SAMLProviderUUID"]})
