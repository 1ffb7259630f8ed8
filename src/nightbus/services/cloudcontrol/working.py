"""Carries out the requests that change resources, and forgets them after seven days.

After a crash a request goes on from its record: the name that was chosen, and whether the creation had begun. A
creation that had begun finds the resource that it made; only where the service chooses the id, a crash in between
leaves one behind.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudcontrol.changes import desired_model
from nightbus.services.cloudcontrol.errors import handler_error
from nightbus.services.cloudcontrol.kinds import resource_context, settable
from nightbus.services.cloudcontrol.requests import (
    ACCEPTED,
    QUEUE,
    REQUEST,
    UNDER_WAY,
    Request,
    put_request,
    request_of,
)
from nightbus.services.context import Platform
from nightbus.stacks.interface import HasIdentifier, ResourceContext, ResourceType
from nightbus.stacks.live_state import (
    NotReadable,
    identified_properties,
    identifier_of,
    joined_identifier,
    live_properties,
)
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import DeleteRecord, Item
from nightbus.store.leased_work import work_through
from nightbus.store.upkeep import is_passing, one_of_many

log = logging.getLogger("nightbus.cloudcontrol")
_AT_ONCE = 8
_KEPT_MS = 7 * 24 * 3600 * 1000
_EVERY_SECONDS = 3600.0


async def carry_out_requests(platform: Platform) -> None:
    """The worker, until it is cancelled."""
    work = partial(_carry_out, platform)
    await work_through(platform.store, platform.clock, QUEUE, work, _AT_ONCE)


async def _carry_out(platform: Platform, item: Item) -> None:
    scope, token = request_of(item)
    request = await _begin(platform, scope, token)
    if request is None:
        return
    kind = RESOURCE_TYPES[request.type_name]
    ctx = resource_context(platform, request.call(scope), request.type_name)
    try:
        content = json.loads(await asyncio.to_thread(platform.vault.open, request.sealed))
        model = await _STEPS[request.operation](platform, scope, request, kind, content, ctx)
    except Exception as failure:
        if is_passing(failure):
            raise
        if not isinstance(failure, AwsError):
            log.exception("request %s failed", token)
        code, message = handler_error(failure)
        await _end(platform, scope, token, "FAILED", request, error=code, message=message)
        return
    await _end(platform, scope, token, "SUCCESS", request, model=model)


@retries_on_conflict
async def _begin(platform: Platform, scope: Scope, token: str) -> Request | None:
    """Return the request, which is IN_PROGRESS from now on; None for one that has ended or is gone."""
    record = await platform.store.get(scope, REQUEST, token)
    if record is None or record.value["status"] not in UNDER_WAY:
        return None
    request = Request(**record.value)
    if request.status == "PENDING":
        request.status, request.time = "IN_PROGRESS", platform.clock.now_ms()
        await platform.store.commit(put_request(scope, request, record.revision))
    return request


@retries_on_conflict
async def _end(
    platform: Platform, scope: Scope, token: str, status: str, done: Request, **fields: str
) -> None:
    record = await platform.store.get(scope, REQUEST, token)
    if record is None:
        return
    request = Request(**record.value)
    cancelled = request.status == "CANCEL_IN_PROGRESS" and status == "SUCCESS"
    request.status, request.time = ("CANCEL_COMPLETE" if cancelled else status), platform.clock.now_ms()
    request.identifier, request.physical_id, request.sealed = done.identifier, done.physical_id, ""
    for name, value in fields.items():
        setattr(request, name, value)
    await platform.store.commit(put_request(scope, request, record.revision))


async def _create(
    platform: Platform,
    scope: Scope,
    request: Request,
    kind: ResourceType,
    content: dict[str, Any],
    ctx: ResourceContext,
) -> str:
    properties = content["new"]
    made = await _live(kind, request.name, properties, ctx) if request.begun and request.name else None
    if made is None:
        if not request.begun:
            request.name = kind.physical_name(properties, ctx)
            await _remember(platform, scope, request)
        resource = await kind.create(properties, request.name, ctx)
        request.physical_id, attributes = resource.physical_id, resource.attributes
        made = await _live(kind, request.physical_id, properties, ctx)
    else:
        request.physical_id, attributes = str(request.name), {}
    shown = {**attributes, **(made if made is not None else properties)}
    identity = identifier_of(request.type_name, {**properties, **shown})
    request.identifier = joined_identifier(identity) if identity else request.physical_id
    return desired_model(request.type_name, made if made is not None else {**properties, **identity})


@retries_on_conflict
async def _remember(platform: Platform, scope: Scope, request: Request) -> None:
    """Store the chosen name, and that the creation begins."""
    record = await platform.store.get(scope, REQUEST, request.token)
    if record is not None:
        stored = Request(**record.value)
        stored.name, stored.begun = request.name, True
        await platform.store.commit(put_request(scope, stored, record.revision))


async def _update(
    platform: Platform,
    scope: Scope,
    request: Request,
    kind: ResourceType,
    content: dict[str, Any],
    ctx: ResourceContext,
) -> str:
    await kind.update(request.physical_id, content["old"], content["new"], ctx)
    live = await _live(kind, request.physical_id, content["new"], ctx)
    return desired_model(request.type_name, live if live is not None else content["new"])


async def _delete(
    platform: Platform,
    scope: Scope,
    request: Request,
    kind: ResourceType,
    content: dict[str, Any],
    ctx: ResourceContext,
) -> str:
    known = content["identifier"] if isinstance(kind, HasIdentifier) else {}
    live = await identified_properties(kind, content["identifier"], ctx)
    if live is None and not request.begun:
        text = f"Resource of type '{request.type_name}' with identifier '{request.identifier}' was not found."
        raise AwsError("ResourceNotFoundException", text)
    await _remember(platform, scope, request)
    await kind.delete(request.physical_id, {**settable(kind, live or {}), **known}, ctx)
    return ""


async def _live(
    kind: ResourceType, physical_id: str, properties: dict[str, Any], ctx: ResourceContext
) -> dict[str, Any] | None:
    try:
        return await live_properties(kind, physical_id, properties, ctx)
    except NotReadable:
        return None


_STEPS = {"CREATE": _create, "UPDATE": _update, "DELETE": _delete}


async def forget_old_requests(platform: Platform) -> None:
    """Delete what ended seven days ago, with the client's token; a duty."""
    while True:
        before = platform.clock.now_ms() - _KEPT_MS
        for scope in await platform.store.scopes(REQUEST):
            for record in await platform.store.list(scope, REQUEST):
                with one_of_many("forgetting request", record.key):
                    request = Request(**record.value)
                    if request.status not in UNDER_WAY and request.time < before:
                        tokens = (
                            [DeleteRecord(scope, ACCEPTED, request.client_token)]
                            if request.client_token
                            else []
                        )
                        await platform.store.commit(
                            DeleteRecord(scope, REQUEST, record.key, expect=record.revision), *tokens
                        )
        await platform.clock.sleep(_EVERY_SECONDS)
