"""Implements AWS::CloudFormation::CustomResource and Custom::*: what a function, or a topic's subscriber, makes.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.stacks.callbacks.answers import Answer
from nightbus.stacks.interface import Resource, ResourceContext, ResourceFailure
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.values import converted, integer_value, text

TYPE_NAME = "AWS::CloudFormation::CustomResource"
_LONGEST_NAME = 255
_LONGEST_TIMEOUT = 3600
_SUBJECT = "AWS CloudFormation custom resource request"


class CloudFormationCustomResource:
    """`type_name` is the one in the template, such as Custom::Answer."""

    properties = frozenset({"ServiceTimeout", "ServiceToken"})
    required = frozenset({"ServiceToken"})
    replace_on: frozenset[str] = frozenset()
    has_further_properties = True

    def __init__(self, type_name: str = TYPE_NAME) -> None:
        self.type_name = type_name

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        """Return the id for the request to delete it, if its creation fails before it has an id of its own."""
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    def refused_update(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
        if old.get("ServiceToken") != new.get("ServiceToken"):
            return "Modifying service token is not allowed."
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        answer = await self._request("Create", properties, {}, str(name), ctx)
        if answer.failure:
            raise ResourceFailure(answer.failure, leftover=answer.physical_id or str(name))
        return _resource(answer)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        members = {"PhysicalResourceId": physical_id, "OldResourceProperties": _texts(old)}
        answer = await self._request("Update", new, members, physical_id, ctx)
        if answer.failure:
            raise ResourceFailure(answer.failure)
        return _resource(answer)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        answer = await self._request(
            "Delete", properties, {"PhysicalResourceId": physical_id}, physical_id, ctx
        )
        if answer.failure:
            raise ResourceFailure(answer.failure)

    async def _request(
        self,
        kind: str,
        properties: Mapping[str, Any],
        members: Mapping[str, Any],
        name: str,
        ctx: ResourceContext,
    ) -> Answer:
        if ctx.callbacks is None:
            raise ResourceFailure("Custom resources are not available here.")
        token = str(properties.get("ServiceToken", ""))
        request = {
            "RequestType": kind,
            "ServiceToken": token,
            "StackId": ctx.stack_id,
            "LogicalResourceId": ctx.logical_id,
            "ResourceType": self.type_name,
            "ResourceProperties": _texts(properties),
            **members,
        }
        digest = hashlib.sha256(json.dumps([request, name], sort_keys=True).encode()).hexdigest()

        async def send(whole: Mapping[str, Any]) -> None:
            await _send(token, whole, ctx)

        responses, seconds = ctx.callbacks.responses, _timeout(properties)
        is_cancelled = ctx.is_cancelled if kind != "Delete" else None
        return await responses.exchange(request, digest, seconds, send, is_cancelled)


async def _send(token: str, request: Mapping[str, Any], ctx: ResourceContext) -> None:
    """Hand the request to the function or the topic, in the name of whoever runs the stack's operation.

    Raises ResourceFailure with nothing left over.
    """
    session = ctx.call.caller.session
    if session is None or not session.assumed_by:  # the function sees the principal's own call
        caller = replace(ctx.call.caller, service="", source_arn="")
        ctx = replace(ctx, call=replace(ctx.call, caller=caller))
    body = json.dumps(request)
    try:
        service = Arn.parse(token).service
    except ValueError:
        service = ""
    try:
        if service == "lambda":
            await ctx.operation(
                "lambda", "Invoke", FunctionName=token, InvocationType="Event", Payload=body.encode()
            )
        elif service == "sns":
            await ctx.operation("sns", "Publish", TopicArn=token, Subject=_SUBJECT, Message=body)
        else:
            raise ResourceFailure("Invalid service token.")
    except AwsError as error:
        if isinstance(error, ResourceFailure):
            raise
        where = {"lambda": "Lambda", "sns": "Sns"}[service]
        raise ResourceFailure(
            f"{error.message} (Service: {where}, Status Code: {error.status}, Request ID: {ctx.call.request_id})"
        ) from error


def _timeout(properties: Mapping[str, Any]) -> int:
    seconds = converted("ServiceTimeout", properties.get("ServiceTimeout", _LONGEST_TIMEOUT), integer_value)
    if not 1 <= seconds <= _LONGEST_TIMEOUT:
        raise ResourceFailure(f"Invalid ServiceTimeout value {seconds}: it must be between 1 and 3600.")
    return int(seconds)


def _texts(value: Any) -> Any:
    """Return the value with all numbers and booleans as text, as CloudFormation sends them."""
    if isinstance(value, Mapping):
        return {key: _texts(child) for key, child in value.items() if child is not None}
    if isinstance(value, list | tuple):
        return [_texts(child) for child in value]
    return text(value)


def _resource(answer: Answer) -> Resource:
    return Resource(answer.physical_id, dict(answer.data), answer.no_echo)
