"""Implements AWS::IAM::OIDCProvider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import changed

_ARN = "OpenIDConnectProviderArn"


class IamOidcProvider:
    type_name = "AWS::IAM::OIDCProvider"
    properties = frozenset({"ClientIdList", "Tags", "ThumbprintList", "Url"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Url"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        host = str(properties.get("Url", "")).removeprefix("https://").rstrip("/")
        return f"arn:{partition_of(ctx.call.scope.region)}:iam::{ctx.call.scope.account}:oidc-provider/{host}"

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        try:
            await ctx.operation(
                "iam",
                "CreateOpenIDConnectProvider",
                Url=properties.get("Url"),
                ClientIDList=properties.get("ClientIdList") or [],
                ThumbprintList=properties.get("ThumbprintList") or [],
                Tags=as_list(all_tags(properties, ctx)),
            )
        except AwsError as error:
            if not is_there_already(error):
                raise
            shown = await ctx.operation("iam", "GetOpenIDConnectProvider", **{_ARN: name})
            if not belongs_to_resource(tag_map(shown.get("Tags") or []), ctx):
                raise
        return Resource(str(name), {"Arn": str(name)})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        chosen = {_ARN: physical_id}
        if changed(old, new, "ThumbprintList"):
            await ctx.operation(
                "iam",
                "UpdateOpenIDConnectProviderThumbprint",
                ThumbprintList=new.get("ThumbprintList") or [],
                **chosen,
            )
        before, after = old.get("ClientIdList") or [], new.get("ClientIdList") or []
        for client in (one for one in after if one not in before):
            await ctx.operation("iam", "AddClientIDToOpenIDConnectProvider", ClientID=client, **chosen)
        for client in (one for one in before if one not in after):
            await ctx.operation("iam", "RemoveClientIDFromOpenIDConnectProvider", ClientID=client, **chosen)
        await _retag(physical_id, all_tags(new, ctx), ctx)
        return Resource(physical_id, {"Arn": physical_id})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("iam", "DeleteOpenIDConnectProvider", **{_ARN: physical_id})

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        shown = await ctx.operation("iam", "GetOpenIDConnectProvider", **{_ARN: physical_id})
        return {
            "Arn": physical_id,
            "ClientIdList": shown["ClientIDList"],
            "Tags": own_tags(tag_map(shown.get("Tags") or [])),
            "ThumbprintList": shown["ThumbprintList"],
            "Url": properties.get("Url") or f"https://{shown['Url']}",
        }


async def _retag(arn: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    shown = await ctx.operation("iam", "GetOpenIDConnectProvider", **{_ARN: arn})
    existing = tag_map(shown.get("Tags") or [])
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("iam", "UntagOpenIDConnectProvider", TagKeys=surplus, **{_ARN: arn})
    if existing != dict(tags):
        await ctx.operation("iam", "TagOpenIDConnectProvider", Tags=as_list(tags), **{_ARN: arn})
