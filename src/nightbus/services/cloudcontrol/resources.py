"""Answers GetResource for function URLs, the only type for which `sam list endpoints` calls it."""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context

_FUNCTION_URL = "AWS::Lambda::Url"
_SHOWN = ("FunctionArn", "FunctionUrl", "AuthType", "InvokeMode", "Cors")


async def get_resource(ctx: Context, *, type_name: str, identifier: str) -> dict[str, Any]:
    if type_name != _FUNCTION_URL:
        if not type_name.startswith("AWS::"):
            raise AwsError("TypeNotFoundException", f"The type '{type_name}' cannot be found.")
        text = f"Resource type {type_name} does not support READ action"
        raise AwsError("UnsupportedActionException", text)
    try:
        config = await ctx.operation("lambda", "GetFunctionUrlConfig", FunctionName=_function(identifier))
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        text = f"Resource of type '{type_name}' with identifier '{identifier}' was not found."
        raise AwsError("ResourceNotFoundException", text) from error
    properties = {name: config[name] for name in _SHOWN if config.get(name) is not None}
    description = {"Identifier": identifier, "Properties": json.dumps(properties)}
    return {"TypeName": type_name, "ResourceDescription": description}


def _function(identifier: str) -> str:
    """Return the function's ARN from the identifier, which is the ARN or a JSON object that contains it."""
    if not identifier.startswith("{"):
        return identifier
    try:
        return str(json.loads(identifier)["FunctionArn"])
    except (ValueError, KeyError) as broken:
        raise AwsError("InvalidRequestException", f"Invalid identifier {identifier}") from broken
