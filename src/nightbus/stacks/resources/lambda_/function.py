"""Implements AWS::Lambda::Function."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.support import is_supported_runtime
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.lambda_.cfn_response import helper_file
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, belongs_to_resource, own_tags
from nightbus.stacks.resources.values import changed, converted, integer_value, selected_properties, text

_LONGEST_NAME = 64
_LOOK_SECONDS = 0.1
_CONFIGURATION = (
    "Description", "Environment", "EphemeralStorage", "Handler", "Layers", "LoggingConfig", "MemorySize", "Role",
    "Runtime", "SnapStart", "Timeout", "TracingConfig", "DeadLetterConfig",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    # the values of properties that the template no longer has
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Layers": [],
    "MemorySize": 128,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "DeadLetterConfig": {"TargetArn": ""},
}
_NUMBERS = {"MemorySize": integer_value, "Timeout": integer_value}


class LambdaFunction:
    type_name = "AWS::Lambda::Function"
    properties = frozenset(
        {
            *_CONFIGURATION,
            "Architectures",
            "Code",
            "FunctionName",
            "KmsKeyArn",
            "PackageType",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "RuntimeManagementConfig",
            "Tags",
        }
    )
    required = frozenset({"Code", "Role"})
    replace_on = frozenset({"FunctionName", "PackageType"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        runtime, package = properties.get("Runtime"), properties.get("PackageType", "Zip")
        if package == "Image":
            return "PackageType Image"
        if isinstance(runtime, str) and not is_supported_runtime(runtime):
            return f"Runtime {runtime}"
        return _unsupported_code(properties.get("Code"))

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("FunctionName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {
            **_configuration(properties),
            **selected_properties(properties, "Architectures", "PackageType"),
            "FunctionName": name,
            "Code": _code(properties),
            "Tags": all_tags(properties, ctx),
        }
        try:
            reply = await ctx.operation("lambda", "CreateFunction", **request)
        except AwsError as error:
            if not is_there_already(error):
                raise
            existing = await ctx.operation("lambda", "GetFunction", FunctionName=name)
            if not belongs_to_resource(existing.get("Tags") or {}, ctx):
                raise
            reply = existing["Configuration"]
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await stabilized(str(name), ctx)
            if "ReservedConcurrentExecutions" in properties:
                await _set_concurrency(str(name), properties, ctx)
            await _set_behaviour(str(name), {}, properties, ctx)
        return _resource(reply)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        inline = "ZipFile" in (new.get("Code") or {})  # whose file's name comes of the runtime
        if changed(old, new, "Code", "Architectures", *(["Runtime"] if inline else [])):
            code = {**_code(new), **selected_properties(new, "Architectures")}
            await ctx.operation("lambda", "UpdateFunctionCode", FunctionName=physical_id, **code)
            await stabilized(physical_id, ctx)
        if changed(old, new, *_CONFIGURATION, "KmsKeyArn"):
            reset = {name: value for name, value in _DEFAULTS.items() if name in old and name not in new}
            if "KmsKeyArn" in old:
                reset["KMSKeyArn"] = ""
            settings = {**reset, **_configuration(new)}
            if changed(old, new, "LoggingConfig"):
                settings["LoggingConfig"] = _whole_logging(physical_id, new)
            await ctx.operation("lambda", "UpdateFunctionConfiguration", FunctionName=physical_id, **settings)
            await stabilized(physical_id, ctx)
        if changed(old, new, "ReservedConcurrentExecutions"):
            await _set_concurrency(physical_id, new, ctx)
        await _set_behaviour(physical_id, old, new, ctx)
        existing = await ctx.operation("lambda", "GetFunction", FunctionName=physical_id)
        await _retag(existing, all_tags(new, ctx), ctx)
        return _resource(existing["Configuration"])

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("lambda", "DeleteFunction", FunctionName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        reply = await ctx.operation("lambda", "GetFunction", FunctionName=physical_id)
        live = dict(reply["Configuration"])
        loop = await ctx.operation("lambda", "GetFunctionRecursionConfig", FunctionName=physical_id)
        runtime = await ctx.operation("lambda", "GetRuntimeManagementConfig", FunctionName=physical_id)
        live |= {
            "Arn": live["FunctionArn"],
            "KmsKeyArn": live.get("KMSKeyArn"),
            "Layers": [layer["Arn"] for layer in live.get("Layers") or ()],
            "RecursiveLoop": loop.get("RecursiveLoop"),
            "ReservedConcurrentExecutions": (reply.get("Concurrency") or {}).get(
                "ReservedConcurrentExecutions"
            ),
            "RuntimeManagementConfig": selected_properties(runtime, "UpdateRuntimeOn", "RuntimeVersionArn"),
            "Tags": own_tags(reply.get("Tags") or {}),
        }
        return live


async def stabilized(function: str, ctx: ResourceContext, reading: str = "GetFunction") -> None:
    """Return once the function, a name or an ARN, can be invoked and changed. Raises AwsError if its creation or its
    update failed. `reading` is the operation that AWS's handler of the type has the permission for."""
    while True:
        reply = await ctx.operation("lambda", reading, FunctionName=function)
        config = reply.get("Configuration", reply)
        state, update = config["State"], config.get("LastUpdateStatus")
        if "Failed" in (state, update):
            reason = config.get("LastUpdateStatusReason") or config.get("StateReason")
            raise AwsError(
                "NotStabilized", f"Lambda function {function} reached the state Failed: {reason}", 400
            )
        if state == "Active" and update != "InProgress":
            return
        await ctx.clock.sleep(_LOOK_SECONDS)


def _unsupported_code(code: Any) -> str | None:
    members = code if isinstance(code, Mapping) else {}
    return next((f"Code.{name}" for name in ("ImageUri", "SourceKMSKeyArn") if members.get(name)), None)


def _configuration(properties: Mapping[str, Any]) -> dict[str, Any]:
    request = selected_properties(properties, *_CONFIGURATION, kinds=_NUMBERS)
    if properties.get("KmsKeyArn"):
        request["KMSKeyArn"] = properties["KmsKeyArn"]
    if "Environment" in request:
        variables = request["Environment"].get("Variables") or {}
        request["Environment"] = {"Variables": {str(key): text(value) for key, value in variables.items()}}
    if "EphemeralStorage" in request:
        request["EphemeralStorage"] = {
            "Size": converted("Size", request["EphemeralStorage"]["Size"], integer_value)
        }
    return request


def _whole_logging(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a LoggingConfig in which a member that the template no longer has is the default again."""
    logging = dict(properties.get("LoggingConfig") or {})
    levels = ("ApplicationLogLevel", "SystemLogLevel") if logging.get("LogFormat") == "JSON" else ()
    return {
        "LogFormat": "Text",
        "LogGroup": f"/aws/lambda/{name}",
        **dict.fromkeys(levels, "INFO"),
        **logging,
    }


def _code(properties: Mapping[str, Any]) -> dict[str, Any]:
    code = properties["Code"]
    if "ZipFile" in code:
        return {"ZipFile": inline_package(str(code["ZipFile"]), str(properties.get("Runtime") or "python"))}
    unknown = sorted(set(code) - {"S3Bucket", "S3Key", "S3ObjectVersion"})
    if unknown:
        raise not_supported("cloudformation", "AWS::Lambda::Function", f"Code.{unknown[0]}")
    return selected_properties(code, "S3Bucket", "S3Key", "S3ObjectVersion")


def inline_package(source: str, runtime: str) -> bytes:
    """Return the zip of a template's inline code, in a file index.py or index.js, with the helper that it uses.

    The same text gives the same bytes.

    Raises AwsError for runtimes without source code.
    """
    if not runtime.startswith(("nodejs", "python")):
        raise AwsError(
            "ValidationError", "ZipFile can only be used when Runtime is set to a Node.js or Python runtime."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        name = "index.js" if runtime.startswith("nodejs") else "index.py"
        helper = helper_file(source, runtime)
        for file, content in [(name, source), *([helper] if helper else [])]:
            entry = zipfile.ZipInfo(file, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            package.writestr(entry, content)
    return buffer.getvalue()


async def _set_concurrency(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    concurrency = properties.get("ReservedConcurrentExecutions")
    if concurrency is None:
        with ignore_missing():
            await ctx.operation("lambda", "DeleteFunctionConcurrency", FunctionName=name)
        return
    reserved = converted("ReservedConcurrentExecutions", concurrency, integer_value)
    await ctx.operation(
        "lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=reserved
    )


async def _set_behaviour(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
) -> None:
    """Set what is neither code nor configuration of the function, where it changes."""
    if changed(old, new, "RecursiveLoop"):
        loop = new.get("RecursiveLoop") or "Terminate"
        await ctx.operation("lambda", "PutFunctionRecursionConfig", FunctionName=name, RecursiveLoop=loop)
    if changed(old, new, "RuntimeManagementConfig"):
        config = new.get("RuntimeManagementConfig") or {"UpdateRuntimeOn": "Auto"}
        await ctx.operation("lambda", "PutRuntimeManagementConfig", FunctionName=name, **config)


async def _retag(function: Mapping[str, Any], tags: Mapping[str, str], ctx: ResourceContext) -> None:
    arn, existing = function["Configuration"]["FunctionArn"], function.get("Tags") or {}
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("lambda", "UntagResource", Resource=arn, TagKeys=surplus)
    if dict(existing) != dict(tags):
        await ctx.operation("lambda", "TagResource", Resource=arn, Tags=dict(tags))


def _resource(configuration: Mapping[str, Any]) -> Resource:
    snap_start = configuration["SnapStart"]
    attributes = {
        "Arn": configuration["FunctionArn"],
        "SnapStartResponse": snap_start,
        "SnapStartResponse.ApplyOn": snap_start["ApplyOn"],
        "SnapStartResponse.OptimizationStatus": snap_start["OptimizationStatus"],
    }
    return Resource(configuration["FunctionName"], attributes)
