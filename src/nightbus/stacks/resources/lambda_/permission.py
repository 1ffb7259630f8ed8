"""Implements AWS::Lambda::Permission."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.live_values import principal_as_declared, statement_condition
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.values import boolean, selected_properties

_ALL = (
    "Action",
    "EventSourceToken",
    "FunctionName",
    "FunctionUrlAuthType",
    "InvokedViaFunctionUrl",
    "Principal",
    "PrincipalOrgID",
    "SourceAccount",
    "SourceArn",
)
_LONGEST_NAME = 100
_CONDITIONS = {  # what each property is in the statement
    "EventSourceToken": "lambda:EventSourceToken",
    "FunctionUrlAuthType": "lambda:FunctionUrlAuthType",
    "InvokedViaFunctionUrl": "lambda:InvokedViaFunctionUrl",
    "PrincipalOrgID": "aws:PrincipalOrgID",
    "SourceAccount": "AWS:SourceAccount",
    "SourceArn": "AWS:SourceArn",
}


class LambdaPermission:
    type_name = "AWS::Lambda::Permission"
    properties = frozenset(_ALL)
    required = frozenset({"Action", "FunctionName", "Principal"})
    replace_on = frozenset(_ALL)

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(properties, *_ALL, kinds={"InvokedViaFunctionUrl": boolean})
        if isinstance(request.get("SourceAccount"), int):
            request["SourceAccount"] = f"{request['SourceAccount']:012d}"
        try:
            await ctx.operation("lambda", "AddPermission", StatementId=name, **request)
        except AwsError as error:
            # The name is generated for this resource, so an existing statement with it was made before a crash.
            if not (is_there_already(error) and "already exists" in error.message):
                raise
        return Resource(str(name), {"Id": name})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id, {"Id": physical_id})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation(
                "lambda", "RemovePermission", FunctionName=properties["FunctionName"], StatementId=physical_id
            )

    def physical_id_of(self, identifier: Mapping[str, str]) -> str:
        return identifier["Id"]

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        function = properties["FunctionName"]
        policy = json.loads((await ctx.operation("lambda", "GetPolicy", FunctionName=function))["Policy"])
        statement = next((one for one in policy["Statement"] if one.get("Sid") == physical_id), None)
        if statement is None:
            return None
        conditions = {name: statement_condition(statement, key) for name, key in _CONDITIONS.items()}
        principal = principal_as_declared(properties.get("Principal"), statement)
        identity = {"Id": physical_id, "FunctionName": function}
        return {"Action": statement["Action"], "Principal": principal, **conditions, **identity}
