"""Accepts the requests to create, update and delete a resource. `working` carries them out."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.services.cloudcontrol.kinds import context_of, find_kind, identified, not_found, settable
from nightbus.services.cloudcontrol.patches import BadPatch, patched
from nightbus.services.cloudcontrol.requests import (
    ACCEPTED,
    REQUEST,
    UNDER_WAY,
    Request,
    put_request,
    request_item,
)
from nightbus.services.cloudcontrol.resources import json_object
from nightbus.services.context import Context
from nightbus.services.service_roles import check_role
from nightbus.stacks.interface import JudgesValues, ResourceType
from nightbus.stacks.live_state import identified_properties, joined_identifier, physical_id_of
from nightbus.stacks.schemas import named_properties, resource_schemas
from nightbus.stacks.templates.documents import read_json
from nightbus.stacks.templates.schema_validation import check_properties, violations
from nightbus.store.interface import Change, PutRecord


async def create_resource(
    ctx: Context,
    *,
    type_name: str,
    desired_state: str,
    client_token: str | None = None,
    role_arn: str | None = None,
) -> dict[str, Any]:
    kind = find_kind(type_name, "create")
    properties = json_object(desired_state, "DesiredState")
    fingerprint = ("CREATE", type_name, desired_state)
    known = await _known(ctx, client_token, fingerprint)
    if known is not None:
        return {"ProgressEvent": known.progress()}
    _refuse_read_only(type_name, properties)
    _check(kind, properties)
    request = await _request(ctx, type_name, "CREATE", client_token, role_arn)
    request.model = desired_model(type_name, properties)
    return await _accepted(ctx, request, fingerprint, {"new": properties})


async def update_resource(
    ctx: Context,
    *,
    type_name: str,
    identifier: str,
    patch_document: str,
    client_token: str | None = None,
    role_arn: str | None = None,
) -> dict[str, Any]:
    kind = find_kind(type_name, "update")
    given = identified(type_name, identifier)
    fingerprint = ("UPDATE", type_name, identifier, patch_document)
    known = await _known(ctx, client_token, fingerprint)
    if known is not None:
        return {"ProgressEvent": known.progress()}
    live = await identified_properties(kind, given, await context_of(ctx, type_name, role_arn))
    if live is None:
        raise not_found(type_name, identifier)
    try:
        wanted = patched(live, read_json(patch_document))
    except (AwsError, ValueError) as broken:
        text = str(broken) if isinstance(broken, BadPatch) else "PatchDocument is not valid JSON"
        raise AwsError("InvalidRequestException", f"Invalid patch document: {text}") from broken
    if not isinstance(wanted, dict):
        raise AwsError("InvalidRequestException", "Invalid patch document: the result is not an object")
    changed = {name for name in {*live, *wanted} if live.get(name) != wanted.get(name)}
    _refuse_read_only(type_name, changed)
    fixed = sorted(changed & ({*named_properties(type_name, "createOnlyProperties")} | kind.replace_on))
    if fixed:
        text = f"Invalid patch update: createOnlyProperties [/properties/{fixed[0]}] cannot be updated"
        raise AwsError("NotUpdatableException", text)
    _check_update(kind, wanted, changed)
    request = await _request(ctx, type_name, "UPDATE", client_token, role_arn)
    request.identifier, request.physical_id = joined_identifier(given), physical_id_of(kind, given)
    request.model = desired_model(type_name, wanted)
    old, new = settable(kind, live), settable(kind, wanted)
    return await _accepted(ctx, request, fingerprint, {"old": old, "new": new})


async def delete_resource(
    ctx: Context,
    *,
    type_name: str,
    identifier: str,
    client_token: str | None = None,
    role_arn: str | None = None,
) -> dict[str, Any]:
    kind = find_kind(type_name, "delete")
    given = identified(type_name, identifier)
    fingerprint = ("DELETE", type_name, identifier)
    known = await _known(ctx, client_token, fingerprint)
    if known is not None:
        return {"ProgressEvent": known.progress()}
    request = await _request(ctx, type_name, "DELETE", client_token, role_arn)
    request.identifier, request.physical_id = joined_identifier(given), physical_id_of(kind, given)
    return await _accepted(ctx, request, fingerprint, {"identifier": given})


def desired_model(type_name: str, properties: Mapping[str, Any]) -> str:
    """Return the properties as a progress event shows them: without those that no service shows."""
    hidden = {
        pointer.split("/")[2] for pointer in resource_schemas()[type_name].get("writeOnlyProperties") or ()
    }
    return json.dumps({name: value for name, value in properties.items() if name not in hidden})


async def _request(
    ctx: Context, type_name: str, operation: str, client_token: str | None, role_arn: str | None
) -> Request:
    if role_arn:
        await check_role(ctx, role_arn, "")
    return Request(
        new_uuid(),
        type_name,
        operation,
        ctx.now_ms(),
        client_token=client_token or "",
        caller=ctx.caller.stored(),
        endpoint=ctx.call.endpoint,
        role=role_arn or "",
    )


def _refuse_read_only(type_name: str, properties: Any) -> None:
    wrong = sorted({*properties} & {*named_properties(type_name, "readOnlyProperties")})
    if wrong:
        text = f"Invalid request: readOnlyProperties [/properties/{wrong[0]}] cannot be set"
        raise AwsError("InvalidRequestException", text)


def _check(kind: ResourceType, properties: dict[str, Any]) -> None:
    try:
        check_properties("", kind.type_name, kind.properties, properties)
    except AwsError as error:
        if error.code != "ValidationError":
            raise
        text = f"Model validation failed ({error.message.partition(': ')[2]})"
        raise AwsError("InvalidRequestException", text) from error
    refused = kind.unsupported(properties) if isinstance(kind, JudgesValues) else None
    if refused:
        text = f"{kind.type_name} does not support {refused} here"
        raise AwsError("UnsupportedActionException", text)


def _check_update(kind: ResourceType, wanted: Mapping[str, Any], changed: set[str]) -> None:
    """Check what the patch changes. What a service does not show, such as a function's code, is not there."""
    check = {name: value for name, value in wanted.items() if name in changed}
    schema = {**resource_schemas()[kind.type_name], "required": ()}
    _refuse_unsupported(kind, check)
    messages = violations(schema, check)
    missing = [name for name in kind.required if name in changed and name not in wanted]
    messages += [f"#: required key [{name}] not found" for name in missing]
    if messages:
        raise AwsError("InvalidRequestException", f"Model validation failed ({', '.join(messages)})")


def _refuse_unsupported(kind: ResourceType, properties: Mapping[str, Any]) -> None:
    declared = resource_schemas()[kind.type_name].get("properties", {})
    wrong = sorted(name for name in properties if name in declared and name not in kind.properties)
    if wrong:
        text = f"Property {wrong[0]} of {kind.type_name} is not supported here"
        raise AwsError("UnsupportedActionException", text)


async def _known(ctx: Context, client_token: str | None, fingerprint: tuple[str, ...]) -> Request | None:
    """Return the request that was accepted with the client's token. Raises AwsError if that was another one."""
    record = await ctx.store.get(ctx.scope, ACCEPTED, client_token) if client_token else None
    if record is None:
        return None
    if record.value["fingerprint"] != _digest(fingerprint):
        text = f"ClientToken {client_token} has already been used by another request."
        raise AwsError("ClientTokenConflictException", text)
    stored = await ctx.store.get(ctx.scope, REQUEST, record.value["token"])
    return Request(**stored.value) if stored else None


def _digest(fingerprint: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(fingerprint).encode()).hexdigest()


async def _accepted(
    ctx: Context, request: Request, fingerprint: tuple[str, ...], content: dict[str, Any]
) -> dict[str, Any]:
    if request.identifier:
        for record in await ctx.store.list(ctx.scope, REQUEST):
            other = Request(**record.value)
            same = (other.type_name, other.identifier) == (request.type_name, request.identifier)
            if same and other.status in UNDER_WAY:
                text = f"Another operation on the resource is under way, with request token {other.token}"
                raise AwsError("ConcurrentOperationException", text)
    request.sealed = await asyncio.to_thread(ctx.platform.vault.seal, json.dumps(content).encode())
    changes: list[Change] = [
        put_request(ctx.scope, request, 0),
        request_item(ctx.scope, request, ctx.now_ms()),
    ]
    if request.client_token:
        value = {"token": request.token, "fingerprint": _digest(fingerprint)}
        changes.append(PutRecord(ctx.scope, ACCEPTED, request.client_token, value, 0))
    await ctx.store.commit(*changes)
    return {"ProgressEvent": request.progress()}
