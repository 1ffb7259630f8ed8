"""Implements AWS::Lambda::LayerVersionPermission."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.live_values import principal_as_declared, statement_condition
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.values import selected_properties, text

_ALL = ("Action", "LayerVersionArn", "OrganizationId", "Principal")
_LONGEST_NAME = 100


class LambdaLayerVersionPermission:
    type_name = "AWS::Lambda::LayerVersionPermission"
    properties = frozenset(_ALL)
    required = frozenset({"Action", "LayerVersionArn", "Principal"})
    replace_on = frozenset(_ALL)

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return (
            f"{properties['LayerVersionArn']}#{generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)}"
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(
            properties, "Action", "OrganizationId", "Principal", kinds={"Principal": text}
        )
        try:
            await ctx.operation("lambda", "AddLayerVersionPermission", **_reference(str(name)), **request)
        except AwsError as error:
            # The name is generated for this resource, so an existing statement with it was made before a crash.
            if not (is_there_already(error) and "already exists" in error.message):
                raise
        return Resource(str(name), {"Id": str(name)})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id, {"Id": physical_id})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("lambda", "RemoveLayerVersionPermission", **_reference(physical_id))

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        reference = _reference(physical_id)
        identifier = reference.pop("StatementId")
        policy = json.loads((await ctx.operation("lambda", "GetLayerVersionPolicy", **reference))["Policy"])
        statement = next((one for one in policy["Statement"] if one.get("Sid") == identifier), None)
        if statement is None:
            return None
        organization = statement_condition(statement, "aws:PrincipalOrgID")
        return {
            "Action": statement["Action"],
            "Id": physical_id,
            "LayerVersionArn": physical_id.split("#", 1)[0],
            "OrganizationId": organization,
            "Principal": principal_as_declared(properties.get("Principal"), statement),
        }


def _reference(physical_id: str) -> dict[str, Any]:
    arn, statement = physical_id.split("#", 1)
    layer, _, version = arn.rpartition(":")
    if not layer or not (version.isascii() and version.isdigit()):
        raise AwsError(
            "InvalidParameterValueException",
            f"1 validation error detected: Value '{arn}' at 'layerVersionArn' failed to satisfy constraint: "
            "Member must be the ARN of a layer version",
        )
    return {"LayerName": layer, "VersionNumber": int(version), "StatementId": statement}
