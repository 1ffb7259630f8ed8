"""Shows resources as they are now: one by its identifier, or all of a type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.cloudcontrol.errors import reading_error
from nightbus.services.cloudcontrol.kinds import context_of, find_kind, identified, not_found
from nightbus.services.context import Context
from nightbus.stacks.live_state import NotReadable, identified_properties, identifier_of, joined_identifier
from nightbus.stacks.resources.listings import LISTINGS, listed_ids
from nightbus.stacks.templates.documents import read_json

_PAGE = 100
_BAD_TOKEN = AwsError("InvalidRequestException", "Invalid NextToken")


async def get_resource(
    ctx: Context, *, type_name: str, identifier: str, role_arn: str | None = None
) -> dict[str, Any]:
    kind = find_kind(type_name, "read")
    given = identified(type_name, identifier)
    within = await context_of(ctx, type_name, role_arn)
    try:
        live = await identified_properties(kind, given, within)
    except AwsError as failed:
        raise reading_error(type_name, failed) from failed
    if live is None:
        raise not_found(type_name, identifier)
    described = {"Identifier": joined_identifier(given), "Properties": json.dumps(live)}
    return {"TypeName": type_name, "ResourceDescription": described}


async def list_resources(
    ctx: Context,
    *,
    type_name: str,
    next_token: str | None = None,
    max_results: int | None = None,
    resource_model: str | None = None,
    role_arn: str | None = None,
) -> dict[str, Any]:
    kind = find_kind(type_name, "list")
    listing = LISTINGS.get(type_name)
    if listing is None:
        text = f"Resource type {type_name} does not support LIST action"
        raise AwsError("UnsupportedActionException", text)
    model = json_object(resource_model, "ResourceModel") if resource_model else {}
    missing = [name for name in listing.needs if name not in model]
    if missing:
        text = f"Missing or invalid ResourceModel: required key [{missing[0]}] not found"
        raise AwsError("InvalidRequestException", text)
    within = await context_of(ctx, type_name, role_arn)
    try:
        ids = sorted({*await listed_ids(listing, model, within)})
    except AwsError as failed:
        raise reading_error(type_name, failed) from failed
    chosen, token = page(ids, str, max_results or _PAGE, next_token, _BAD_TOKEN)
    found = []
    for one in chosen:
        given = {**model, **listing.identifier(type_name, one, model)}
        try:
            live = await identified_properties(kind, listing.identifier(type_name, one, model), within)
        except NotReadable:
            live = given
        if live is not None:
            shown = identifier_of(type_name, live) or given
            found.append({"Identifier": joined_identifier(shown), "Properties": json.dumps(live)})
    return {"TypeName": type_name, "ResourceDescriptions": found, "NextToken": token}


def json_object(text: str, member: str) -> dict[str, Any]:
    """Return the JSON object of a member of the request. Raises AwsError InvalidRequestException."""
    try:
        value = read_json(text)
    except AwsError as broken:
        raise AwsError("InvalidRequestException", f"{member} is not valid JSON: {broken.message}") from broken
    if not isinstance(value, Mapping):
        raise AwsError("InvalidRequestException", f"{member} must be a JSON object")
    return dict(value)
