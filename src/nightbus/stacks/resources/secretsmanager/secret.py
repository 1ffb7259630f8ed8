"""Implements AWS::SecretsManager::Secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_physical_suffix
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import (
    boolean,
    changed,
    converted,
    integer_value,
    selected_properties,
    text,
)

_SETTINGS = ("Description", "KmsKeyId")
_VALUE = ("GenerateSecretString", "SecretString")
_PASSWORD_SWITCHES = (
    "ExcludeLowercase", "ExcludeNumbers", "ExcludePunctuation", "ExcludeUppercase", "IncludeSpace",
    "RequireEachIncludedType",
)  # fmt: skip


class SecretsManagerSecret:
    type_name = "AWS::SecretsManager::Secret"
    properties = frozenset({*_SETTINGS, *_VALUE, "Name", "ReplicaRegions", "Tags"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Name"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        """Return the name; a secret's physical id is its ARN."""
        name = properties.get("Name")
        return str(name) if name else f"{ctx.logical_id}-{new_physical_suffix(12)}"

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {**_settings(properties), **await _value(properties, ctx)}
        tags = as_list(all_tags(properties, ctx))
        try:
            reply = await ctx.operation("secretsmanager", "CreateSecret", Name=name, Tags=tags, **request)
        except AwsError as error:
            if not is_there_already(error) or not belongs_to_resource(await _tags(str(name), ctx), ctx):
                raise
            reply = await ctx.operation("secretsmanager", "UpdateSecret", SecretId=name, **request)
        await _replicate(reply["ARN"], {}, properties, ctx)
        return _resource(reply["ARN"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        request = {name: "" for name in _SETTINGS if old.get(name)} | _settings(new)
        if changed(old, new, *_VALUE):
            request |= await _value(new, ctx)
        await ctx.operation("secretsmanager", "UpdateSecret", SecretId=physical_id, **request)
        await _retag(physical_id, all_tags(new, ctx), ctx)
        await _replicate(physical_id, old, new, ctx)
        return _resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Delete the secret at once, as CloudFormation does: its name must be free for the next stack."""
        with ignore_missing():
            await _replicate(physical_id, properties, {}, ctx)
            await ctx.operation(
                "secretsmanager", "DeleteSecret", SecretId=physical_id, ForceDeleteWithoutRecovery=True
            )

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("secretsmanager", "DescribeSecret", SecretId=physical_id)
        if live.get("DeletedDate") is not None:
            return None
        replicas = [
            {name: one[name] for name in ("Region", "KmsKeyId") if one.get(name)}
            for one in live.get("ReplicationStatus") or []
        ]
        return {
            **live,
            "Id": physical_id,
            "ReplicaRegions": replicas or None,
            "Tags": own_tags(tag_map(live.get("Tags") or [])),
        }


def _settings(properties: Mapping[str, Any]) -> dict[str, str]:
    return {name: text(value) for name, value in selected_properties(properties, *_SETTINGS).items()}


async def _value(properties: Mapping[str, Any], ctx: ResourceContext) -> dict[str, str]:
    """Return the secret's value as a member of a request, nothing for an empty secret."""
    given, generated = properties.get("SecretString"), properties.get("GenerateSecretString")
    if given is not None and generated is not None:
        raise AwsError("ValidationError", "You can't specify both SecretString and GenerateSecretString.")
    if generated is not None:
        return {"SecretString": await _generated(generated, ctx)}
    return {} if given is None else {"SecretString": text(given)}


async def _generated(options: Mapping[str, Any], ctx: ResourceContext) -> str:
    request = selected_properties(
        options,
        "ExcludeCharacters",
        "PasswordLength",
        *_PASSWORD_SWITCHES,
        kinds={"PasswordLength": integer_value, **dict.fromkeys(_PASSWORD_SWITCHES, boolean)},
    )
    reply = await ctx.operation("secretsmanager", "GetRandomPassword", **request)
    template, key = options.get("SecretStringTemplate"), options.get("GenerateStringKey")
    if (template is None) != (key is None):
        raise AwsError(
            "ValidationError", "You must specify both SecretStringTemplate and GenerateStringKey, or neither."
        )
    if template is None:
        return str(reply["RandomPassword"])
    members = converted("SecretStringTemplate", template, _template_members)
    return json.dumps({**members, str(key): reply["RandomPassword"]}, separators=(",", ":"))


def _template_members(template: Any) -> dict[str, Any]:
    members = read_document(template) if isinstance(template, str) else template
    if not isinstance(members, dict):
        raise ValueError(template)
    return members


async def _replicate(
    secret: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
) -> None:
    """Make the replicas those of the template. A region whose key has changed gets a new replica."""
    former, wanted = old.get("ReplicaRegions") or [], new.get("ReplicaRegions") or []
    if not former and not wanted:
        return
    described = await ctx.inspect("secretsmanager", "DescribeSecret", SecretId=secret)
    existing = {one["Region"] for one in described.get("ReplicationStatus") or []}
    surplus = sorted(one["Region"] for one in former if one not in wanted and one["Region"] in existing)
    if surplus:
        await ctx.operation(
            "secretsmanager", "RemoveRegionsFromReplication", SecretId=secret, RemoveReplicaRegions=surplus
        )
    missing = [one for one in wanted if one["Region"] not in existing.difference(surplus)]
    if missing:
        await ctx.operation(
            "secretsmanager", "ReplicateSecretToRegions", SecretId=secret, AddReplicaRegions=missing
        )


async def _tags(secret: str, ctx: ResourceContext) -> dict[str, str]:
    reply = await ctx.inspect("secretsmanager", "DescribeSecret", SecretId=secret)
    return tag_map(reply.get("Tags") or [])


async def _retag(secret: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    existing = await _tags(secret, ctx)
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("secretsmanager", "UntagResource", SecretId=secret, TagKeys=surplus)
    if existing != dict(tags):
        await ctx.operation("secretsmanager", "TagResource", SecretId=secret, Tags=as_list(tags))


def _resource(arn: str) -> Resource:
    return Resource(arn, {"Id": arn})
