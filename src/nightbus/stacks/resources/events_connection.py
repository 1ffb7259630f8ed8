"""AWS::Events::Connection"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import gone_is_fine, is_there_already
from nightbus.stacks.resources.values import boolean, changed, chosen, text

_LONGEST_NAME = 64
_SETTINGS = ("Description", "KmsKeyIdentifier")
_AUTHORIZATION = ("AuthorizationType", "AuthParameters")


class EventsConnection:
    type_name = "AWS::Events::Connection"
    properties = frozenset({*_SETTINGS, *_AUTHORIZATION, "Name"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"Name"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        given = properties.get("AuthParameters")
        private = isinstance(given, Mapping) and given.get("ConnectivityParameters") is not None
        return "AuthParameters.ConnectivityParameters" if private else None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        given = properties.get("Name")
        return str(given) if given else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = _request(properties, *_SETTINGS, *_AUTHORIZATION)
        try:
            await ctx.operation("events", "CreateConnection", Name=name, **request)
        except AwsError as error:
            if not is_there_already(error) or not await _is_this(str(name), request, ctx):
                raise
            # Its secrets cannot be compared; they are what the template says from now on.
            await ctx.operation("events", "UpdateConnection", Name=name, **request)
        return await _described(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        # What the template leaves out now goes; UpdateConnection would keep it.
        request = {"Description": "", **_request(new, *_SETTINGS)}
        if changed(old, new, *_AUTHORIZATION):
            request |= _request(new, *_AUTHORIZATION)
            auth = request.get("AuthParameters")
            if auth is not None:
                request["AuthParameters"] = _whole(auth)
        await ctx.operation("events", "UpdateConnection", Name=physical_id, **request)
        return await _described(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with gone_is_fine():
            await ctx.operation("events", "DeleteConnection", Name=physical_id)


def _request(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return chosen(properties, *names, kinds={"AuthParameters": _parameters})


def _parameters(value: Any) -> Any:
    """Texts all of them, but for whether a value is secret."""
    if isinstance(value, list):
        return [_parameters(one) for one in value]
    if not isinstance(value, Mapping):
        return text(value)
    return {
        name: boolean(one) if name == "IsValueSecret" else _parameters(one) for name, one in value.items()
    }


def _whole(auth: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with an empty one for each list that is not there, so that none of the old ones stays."""
    found = {"InvocationHttpParameters": {}, **auth}
    if "OAuthParameters" in auth:
        found["OAuthParameters"] = {"OAuthHttpParameters": {}, **auth["OAuthParameters"]}
    return found


async def _is_this(name: str, request: Mapping[str, Any], ctx: ResourceContext) -> bool:
    """A connection has no tags; one that shows nothing but what this one would was made before a crash."""
    found = await ctx.operation("events", "DescribeConnection", Name=name)
    settings = ("Description", "KmsKeyIdentifier", "AuthorizationType")
    return all((found.get(key) or None) == (request.get(key) or None) for key in settings) and _shows(
        found.get("AuthParameters") or {}, request.get("AuthParameters") or {}
    )


def _shows(found: Any, wanted: Any) -> bool:
    if isinstance(found, Mapping):
        return isinstance(wanted, Mapping) and all(
            _shows(one, wanted.get(name, False if name == "IsValueSecret" else None))
            for name, one in found.items()
        )
    if isinstance(found, list):
        return len(found) == len(wanted or ()) and all(map(_shows, found, wanted))
    return bool(found == wanted)


async def _described(name: str, ctx: ResourceContext) -> Resource:
    found = await ctx.operation("events", "DescribeConnection", Name=name)
    arn = found["ConnectionArn"]
    return Resource(
        name,
        {"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0], "SecretArn": found.get("SecretArn") or ""},
    )
