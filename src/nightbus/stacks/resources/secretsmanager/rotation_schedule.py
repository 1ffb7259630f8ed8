"""Implements AWS::SecretsManager::RotationSchedule, with functions of one's own: AWS's are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import boolean, converted, integer_value, selected_properties, text


class SecretsManagerRotationSchedule:
    type_name = "AWS::SecretsManager::RotationSchedule"
    properties = frozenset({"RotateImmediatelyOnUpdate", "RotationLambdaARN", "RotationRules", "SecretId"})
    required = frozenset({"SecretId"})
    replace_on = frozenset({"SecretId"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        return await _rotate(str(properties["SecretId"]), properties, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _rotate(physical_id, new, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            described = await ctx.operation("secretsmanager", "DescribeSecret", SecretId=physical_id)
            if described.get("RotationEnabled"):
                await ctx.operation("secretsmanager", "CancelRotateSecret", SecretId=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("secretsmanager", "DescribeSecret", SecretId=physical_id)
        return {**live, "Id": physical_id, "SecretId": physical_id} if live.get("RotationEnabled") else None


async def _rotate(secret: str, properties: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    request = selected_properties(
        properties, "RotationLambdaARN", "RotationRules", kinds={"RotationRules": _rules}
    )
    at_once = converted(
        "RotateImmediatelyOnUpdate", properties.get("RotateImmediatelyOnUpdate", True), boolean
    )
    try:
        reply = await ctx.operation(
            "secretsmanager", "RotateSecret", SecretId=secret, RotateImmediately=at_once, **request
        )
    except AwsError as error:
        # The rotation that an attempt before a crash began goes on with these settings.
        if "previous rotation" not in error.message:
            raise
        reply = await ctx.operation("secretsmanager", "DescribeSecret", SecretId=secret)
    return Resource(reply["ARN"], {"Id": reply["ARN"]})


def _rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: integer_value(value) if name == "AutomaticallyAfterDays" else text(value)
        for name, value in rules.items()
    }
