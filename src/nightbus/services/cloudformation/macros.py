"""Processes fragments of templates by macros, which functions carry out, and by AWS::Include, which reads S3.

A macro is a resource AWS::CloudFormation::Macro of a stack of the account and region; its record is the macro.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-author.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.replies import ByteStream
from nightbus.services.cloudformation.sources import object_text
from nightbus.services.context import Context
from nightbus.stacks.records import RESOURCE
from nightbus.stacks.secrecy import open_resource
from nightbus.stacks.templates.documents import parse_text, read_json
from nightbus.stacks.templates.intrinsics import Evaluator
from nightbus.stacks.templates.transforms import INCLUDE, Transform

MACRO_TYPE = "AWS::CloudFormation::Macro"
_SECTIONS = frozenset({"Conditions", "Mappings", "Metadata", "Outputs", "Parameters", "Resources", "Rules"})


class AccountMacros:
    """The macros of the caller's account and region."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def serverless(
        self, document: Mapping[str, Any], parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        return await self._ctx.platform.transform_sam(document, parameters, region)

    async def run(self, transform: Transform, fragment: Any, values: Mapping[str, Any], whole: bool) -> Any:
        if transform.name == INCLUDE:
            return await self._include(transform, fragment, values, whole)
        if not transform.is_macro:
            raise _absent(transform.name)
        name = transform.name.removeprefix(f"{self._ctx.account}::")
        id = f"{self._ctx.account}::{name}"
        macro = await self._find(name)
        if macro is None:
            raise _absent(id)
        request = {
            "region": self._ctx.region,
            "accountId": self._ctx.account,
            "fragment": fragment,
            "transformId": id,
            "params": dict(transform.parameters),
            "requestId": new_uuid(),
            "templateParameterValues": {
                key: value for key, value in values.items() if not key.startswith("AWS::")
            },
        }
        try:
            return await self._invoke(id, str(macro["FunctionName"]), request)
        except AwsError as failed:
            await self._log(macro, request["requestId"], failed.message)
            raise

    async def _find(self, name: str) -> Mapping[str, Any] | None:
        """Return the properties of the macro, or None if the account has none of the name."""
        for record in await self._ctx.store.list(self._ctx.scope, RESOURCE):
            value = record.value
            if value["type"] != MACRO_TYPE or not value["current"] or value["status"].startswith("DELETE"):
                continue
            if value["current"]["physical_id"] == name:
                opened = await open_resource(self._ctx.platform.vault, value)
                properties: Mapping[str, Any] = opened["current"]["properties"]
                return properties
        return None

    async def _invoke(self, id: str, function: str, request: Mapping[str, Any]) -> Any:
        malformed = AwsError("ValidationError", f"Received malformed response from transform {id}")
        try:
            reply = await self._ctx.operation(
                "lambda", "Invoke", FunctionName=function, Payload=json.dumps(request).encode()
            )
            if reply.get("FunctionError"):
                raise malformed
            answer = read_json((await _payload(reply.get("Payload", b""))).decode())
        except (AwsError, UnicodeDecodeError) as broken:
            if isinstance(broken, AwsError) and broken.code == "AccessDeniedException":
                raise _failed(id, f"failed with: {broken.message}") from broken
            raise malformed from broken
        if not isinstance(answer, dict) or answer.get("requestId") != request["requestId"]:
            raise malformed
        if str(answer.get("status", "")).lower() != "success":
            message = answer.get("errorMessage")
            how = f"failed with: {message}" if message else "failed without an error message."
            raise _failed(id, how)
        if "fragment" not in answer:
            raise malformed
        return answer["fragment"]

    async def _log(self, macro: Mapping[str, Any], request_id: str, message: str) -> None:
        """Write the error to the macro's log group, if it names one. A failure of this is not reported."""
        group = macro.get("LogGroupName")
        if not group:
            return
        event = {"timestamp": self._ctx.now_ms(), "message": message}
        with suppress(AwsError):
            await self._ctx.operation("logs", "CreateLogStream", logGroupName=group, logStreamName=request_id)
            await self._ctx.operation(
                "logs", "PutLogEvents", logGroupName=group, logStreamName=request_id, logEvents=[event]
            )

    async def _include(
        self, transform: Transform, fragment: Any, values: Mapping[str, Any], whole: bool
    ) -> Any:
        location = Evaluator(values).evaluate(transform.parameters.get("Location"))
        bucket, _, key = str(location).removeprefix("s3://").partition("/")
        if not isinstance(location, str) or not location.startswith("s3://") or not bucket or not key:
            raise _not_included("The location parameter is not a valid S3 uri.")
        try:
            text = await object_text(self._ctx, bucket, key, "")
        except AwsError as error:
            raise _not_included(error.message) from error
        try:
            content = parse_text(text)
        except AwsError as broken:
            raise _not_included("The specified S3 object's content should be valid Yaml/JSON") from broken
        return _merged(fragment, content, whole)


def _merged(fragment: Any, content: Any, whole: bool) -> Any:
    """Return the object with the included members. In a whole template the members of its sections are included."""
    if not fragment:
        return content
    if not isinstance(content, dict) or not isinstance(fragment, dict):
        raise _not_included("The specified S3 object's content should be an object")
    merged = {**fragment, **content}
    for name in _SECTIONS & set(fragment) & set(content) if whole else ():
        if isinstance(fragment[name], dict) and isinstance(content[name], dict):
            merged[name] = {**fragment[name], **content[name]}
    return merged


def _not_included(reason: str) -> AwsError:
    return _failed(INCLUDE, f"failed with: {reason}")


def _failed(transform: str, how: str) -> AwsError:
    return AwsError("ValidationError", f"Transform {transform} {how}")


def _absent(name: str) -> AwsError:
    return AwsError("ValidationError", f"No transform named {name} found.")


async def _payload(body: bytes | ByteStream) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"".join([chunk async for chunk in body.chunks])
