"""AWS::Lambda::Function"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.support import runs
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import gone_is_fine, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, is_ours
from nightbus.stacks.resources.values import changed, chosen, converted, text, whole_number

_LONGEST_NAME = 64
_CONFIGURATION = (
    "Description", "Environment", "EphemeralStorage", "Handler", "Layers", "LoggingConfig", "MemorySize", "Role",
    "Runtime", "Timeout", "TracingConfig", "DeadLetterConfig",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    # what a property becomes that was taken out of the template
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "Layers": [],
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "DeadLetterConfig": {"TargetArn": ""},
}
_NUMBERS = {"MemorySize": whole_number, "Timeout": whole_number}


class LambdaFunction:
    type_name = "AWS::Lambda::Function"
    properties = frozenset(
        {
            *_CONFIGURATION,
            "Architectures",
            "Code",
            "FunctionName",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Tags",
        }
    )
    required = frozenset({"Code", "Role"})
    replace_on = frozenset({"FunctionName", "PackageType"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        runtime, package = properties.get("Runtime"), properties.get("PackageType", "Zip")
        if package == "Image":
            return "PackageType Image"
        if isinstance(runtime, str) and not runs(runtime):
            return f"Runtime {runtime}"
        return _unsupported_code(properties.get("Code")) or _unsupported_logging(
            properties.get("LoggingConfig")
        )

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        given = properties.get("FunctionName")
        return str(given) if given else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {
            **_configuration(properties),
            **chosen(properties, "Architectures", "PackageType"),
            "FunctionName": name,
            "Code": _code(properties),
            "Tags": all_tags(properties, ctx),
        }
        try:
            made = await ctx.operation("lambda", "CreateFunction", **request)
        except AwsError as error:
            if not is_there_already(error):
                raise
            found = await ctx.operation("lambda", "GetFunction", FunctionName=name)
            if not is_ours(found.get("Tags") or {}, ctx):
                raise
            made = found["Configuration"]
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _set_concurrency(str(name), properties, ctx)
        return _resource(made)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "Code", "Architectures"):
            code = {**_code(new), **chosen(new, "Architectures")}
            await ctx.operation("lambda", "UpdateFunctionCode", FunctionName=physical_id, **code)
        if changed(old, new, *_CONFIGURATION):
            reset = {name: value for name, value in _DEFAULTS.items() if name in old and name not in new}
            settings = {**reset, **_configuration(new)}
            await ctx.operation("lambda", "UpdateFunctionConfiguration", FunctionName=physical_id, **settings)
        if changed(old, new, "ReservedConcurrentExecutions"):
            await _set_concurrency(physical_id, new, ctx)
        found = await ctx.operation("lambda", "GetFunction", FunctionName=physical_id)
        await _retag(found, all_tags(new, ctx), ctx)
        return _resource(found["Configuration"])

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with gone_is_fine():
            await ctx.operation("lambda", "DeleteFunction", FunctionName=physical_id)


def _unsupported_code(code: Any) -> str | None:
    given = code if isinstance(code, Mapping) else {}
    return next((f"Code.{name}" for name in ("ImageUri", "SourceKMSKeyArn") if given.get(name)), None)


def _unsupported_logging(logging: Any) -> str | None:
    given = logging if isinstance(logging, Mapping) else {}
    if given.get("LogFormat") == "JSON":
        return "LoggingConfig.LogFormat JSON"
    levels = ("ApplicationLogLevel", "SystemLogLevel")
    return next((f"LoggingConfig.{name}" for name in levels if given.get(name) is not None), None)


def _configuration(properties: Mapping[str, Any]) -> dict[str, Any]:
    found = chosen(properties, *_CONFIGURATION, kinds=_NUMBERS)
    if "Environment" in found:
        given = found["Environment"].get("Variables") or {}
        found["Environment"] = {"Variables": {str(key): text(value) for key, value in given.items()}}
    if "EphemeralStorage" in found:
        found["EphemeralStorage"] = {
            "Size": converted("Size", found["EphemeralStorage"]["Size"], whole_number)
        }
    return found


def _code(properties: Mapping[str, Any]) -> dict[str, Any]:
    code = properties["Code"]
    if "ZipFile" in code:
        return {"ZipFile": inline_package(str(code["ZipFile"]))}
    unknown = sorted(set(code) - {"S3Bucket", "S3Key", "S3ObjectVersion"})
    if unknown:
        raise not_supported("cloudformation", "AWS::Lambda::Function", f"Code.{unknown[0]}")
    return chosen(code, "S3Bucket", "S3Key", "S3ObjectVersion")


def inline_package(source: str) -> bytes:
    """A template's inline code is a file named index.py; the same text gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        entry = zipfile.ZipInfo("index.py", (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o644 << 16
        package.writestr(entry, source)
    return buffer.getvalue()


async def _set_concurrency(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    given = properties.get("ReservedConcurrentExecutions")
    if given is None:
        with gone_is_fine():
            await ctx.operation("lambda", "DeleteFunctionConcurrency", FunctionName=name)
        return
    reserved = converted("ReservedConcurrentExecutions", given, whole_number)
    await ctx.operation(
        "lambda", "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=reserved
    )


async def _retag(found: Mapping[str, Any], wanted: Mapping[str, str], ctx: ResourceContext) -> None:
    arn, standing = found["Configuration"]["FunctionArn"], found.get("Tags") or {}
    surplus = sorted(set(standing) - set(wanted))
    if surplus:
        await ctx.operation("lambda", "UntagResource", Resource=arn, TagKeys=surplus)
    if dict(standing) != dict(wanted):
        await ctx.operation("lambda", "TagResource", Resource=arn, Tags=dict(wanted))


def _resource(configuration: Mapping[str, Any]) -> Resource:
    snap_start = configuration["SnapStart"]
    attributes = {
        "Arn": configuration["FunctionArn"],
        "SnapStartResponse": snap_start,
        "SnapStartResponse.ApplyOn": snap_start["ApplyOn"],
        "SnapStartResponse.OptimizationStatus": snap_start["OptimizationStatus"],
    }
    return Resource(configuration["FunctionName"], attributes)
