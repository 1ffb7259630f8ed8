"""Implements AWS::Events::Connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.values import boolean, changed, selected_properties, text

_LONGEST_NAME = 64
_SETTINGS = ("Description", "KmsKeyIdentifier")
_AUTHORIZATION = ("AuthorizationType", "AuthParameters")


class EventsConnection:
    type_name = "AWS::Events::Connection"
    properties = frozenset({*_SETTINGS, *_AUTHORIZATION, "Name"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Name"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        auth = properties.get("AuthParameters")
        private = isinstance(auth, Mapping) and auth.get("ConnectivityParameters") is not None
        return "AuthParameters.ConnectivityParameters" if private else None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("Name")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = _request(properties, *_SETTINGS, *_AUTHORIZATION)
        try:
            await ctx.operation("events", "CreateConnection", Name=name, **request)
        except AwsError as error:
            if not is_there_already(error) or not await _is_identical(str(name), request, ctx):
                raise
            # Secrets cannot be compared, so they are set to those of the template.
            await ctx.operation("events", "UpdateConnection", Name=name, **request)
        return await _described(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        # A property that the template no longer has is removed, because UpdateConnection would keep its value.
        request = {"Description": "", **_request(new, *_SETTINGS)}
        if changed(old, new, *_AUTHORIZATION):
            request |= _request(new, *_AUTHORIZATION)
            auth = request.get("AuthParameters")
            if auth is not None:
                request["AuthParameters"] = _with_empty_lists(auth)
        await ctx.operation("events", "UpdateConnection", Name=physical_id, **request)
        return await _described(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("events", "DeleteConnection", Name=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("events", "DescribeConnection", Name=physical_id)
        attributes = (await _described(physical_id, ctx)).attributes
        return {**live, **attributes, "Name": physical_id}


def _request(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return selected_properties(properties, *names, kinds={"AuthParameters": _parameters})


def _parameters(value: Any) -> Any:
    """Return the parameters as texts, except for the booleans that mark secret values."""
    if isinstance(value, list):
        return [_parameters(one) for one in value]
    if not isinstance(value, Mapping):
        return text(value)
    return {
        name: boolean(one) if name == "IsValueSecret" else _parameters(one) for name, one in value.items()
    }


def _with_empty_lists(auth: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with an empty list for each missing one, so that no old value stays."""
    complete = {"InvocationHttpParameters": {}, **auth}
    if "OAuthParameters" in auth:
        complete["OAuthParameters"] = {"OAuthHttpParameters": {}, **auth["OAuthParameters"]}
    return complete


async def _is_identical(name: str, request: Mapping[str, Any], ctx: ResourceContext) -> bool:
    """Return whether the existing connection has these settings, as far as its description shows them.

    Then it was made before a crash. Connections have no tags by which the stack could recognize its own.
    """
    existing = await ctx.operation("events", "DescribeConnection", Name=name)
    settings = ("Description", "KmsKeyIdentifier", "AuthorizationType")
    return all((existing.get(key) or None) == (request.get(key) or None) for key in settings) and _agrees(
        existing.get("AuthParameters") or {}, request.get("AuthParameters") or {}
    )


def _agrees(existing: Any, desired: Any) -> bool:
    if isinstance(existing, Mapping):
        return isinstance(desired, Mapping) and all(
            _agrees(one, desired.get(name, False if name == "IsValueSecret" else None))
            for name, one in existing.items()
        )
    if isinstance(existing, list):
        return len(existing) == len(desired or ()) and all(map(_agrees, existing, desired))
    return bool(existing == desired)


async def _described(name: str, ctx: ResourceContext) -> Resource:
    reply = await ctx.operation("events", "DescribeConnection", Name=name)
    arn = reply["ConnectionArn"]
    return Resource(
        name,
        {"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0], "SecretArn": reply.get("SecretArn") or ""},
    )
