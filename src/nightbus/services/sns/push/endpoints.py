"""Creates, changes, lists and deletes the endpoints of platform applications: the apps on people's devices.

https://docs.aws.amazon.com/sns/latest/api/API_CreatePlatformEndpoint.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_arn, bad_parameter, invalid_next_token
from nightbus.services.sns.push.records import (
    APPLICATION,
    ENDPOINT,
    TOKEN,
    application_key,
    application_record,
    endpoint_arn,
    endpoint_key,
    endpoint_record,
    token_key,
)
from nightbus.store.interface import Change, DeleteRecord, PutRecord, RequireRecord

_NAMES = ("CustomUserData", "Enabled", "Token")
_LONGEST_DATA = 2048  # bytes
_LONGEST_TOKEN = 4096
_PAGE = 100


async def create_platform_endpoint(
    ctx: Context,
    *,
    platform_application_arn: str,
    token: str,
    custom_user_data: str | None = None,
    attributes: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the endpoint of the token. One that is there is returned again if the request asks for nothing else."""
    scope, application = await application_record(ctx, platform_application_arn)
    requested = {**(attributes or {}), "Token": token}
    if custom_user_data is not None:
        requested["CustomUserData"] = custom_user_data
    _check(requested)
    holder = await ctx.store.get(scope, TOKEN, token_key(application.key, token))
    existing = holder and await ctx.store.get(scope, ENDPOINT, holder.value["endpoint"])
    if existing:
        arn = endpoint_arn(scope, existing.key)
        wanted = {"Enabled": "true", **requested}
        if any(existing.value.get(name) != value for name, value in wanted.items()):
            raise bad_parameter(
                f"Token Reason: Endpoint {arn} already exists with the same Token, but different attributes."
            )
        return {"EndpointArn": arn}
    key = f"{application.key}/{new_uuid()}"
    await ctx.store.commit(
        RequireRecord(scope, APPLICATION, application.key, application.revision),
        PutRecord(scope, ENDPOINT, key, {"Enabled": "true", **requested}, expect=0),
        PutRecord(
            scope,
            TOKEN,
            token_key(application.key, token),
            {"endpoint": key},
            expect=holder.revision if holder else 0,
        ),
    )
    return {"EndpointArn": endpoint_arn(scope, key)}


def _check(attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        if name not in _NAMES:
            raise bad_parameter(f"Attributes Reason: Invalid attribute name: {name}")
        if name == "Enabled":
            if value.lower() not in ("true", "false"):
                raise bad_parameter(
                    "Attributes Reason: Invalid value for attribute: Enabled: must be true or false"
                )
            attributes[name] = value.lower()
        elif name == "CustomUserData" and len(value.encode()) > _LONGEST_DATA:
            raise bad_parameter(
                f"CustomUserData Reason: must be at most {_LONGEST_DATA} bytes long in UTF-8 encoding"
            )
        elif name == "Token" and not value:
            raise bad_parameter("Token Reason: cannot be empty")
        elif name == "Token" and len(value) > _LONGEST_TOKEN:
            raise bad_parameter(f"Token Reason: must be at most {_LONGEST_TOKEN} characters long")


async def get_endpoint_attributes(ctx: Context, *, endpoint_arn: str) -> dict[str, Any]:
    _, record = await endpoint_record(ctx, endpoint_arn)
    return {"Attributes": record.value}


async def set_endpoint_attributes(ctx: Context, *, endpoint_arn: str, attributes: dict[str, str]) -> None:
    scope, record = await endpoint_record(ctx, endpoint_arn)
    changed = dict(attributes)
    _check(changed)
    value = {**record.value, **changed}
    changes: list[Change] = [PutRecord(scope, ENDPOINT, record.key, value, expect=record.revision)]
    if value["Token"] != record.value["Token"]:
        changes += await _moved_token(ctx, scope, record.key, record.value["Token"], value["Token"])
    await ctx.store.commit(*changes)


async def _moved_token(ctx: Context, scope: Scope, key: str, old: str, new: str) -> list[Change]:
    """Return the changes by which the endpoint is found by its new token. Raises AwsError where another one has it."""
    application = application_key(key)
    holder = await ctx.store.get(scope, TOKEN, token_key(application, new))
    if holder is not None:
        raise bad_parameter(
            f"Token Reason: Endpoint {endpoint_arn(scope, holder.value['endpoint'])} already exists with the same"
            " Token, but different attributes."
        )
    return [
        DeleteRecord(scope, TOKEN, token_key(application, old)),
        PutRecord(scope, TOKEN, token_key(application, new), {"endpoint": key}, expect=0),
    ]


async def delete_endpoint(ctx: Context, *, endpoint_arn: str) -> None:
    """Succeeds if there is none."""
    if endpoint_key(endpoint_arn) is None:
        raise bad_arn("EndpointArn", endpoint_arn)
    try:
        scope, record = await endpoint_record(ctx, endpoint_arn)
    except AwsError:
        return
    token = token_key(application_key(record.key), record.value["Token"])
    await ctx.store.commit(
        DeleteRecord(scope, ENDPOINT, record.key, record.revision), DeleteRecord(scope, TOKEN, token)
    )


async def list_endpoints_by_platform_application(
    ctx: Context, *, platform_application_arn: str, next_token: str | None = None
) -> dict[str, Any]:
    scope, application = await application_record(ctx, platform_application_arn)
    records = await ctx.store.list(scope, ENDPOINT, prefix=f"{application.key}/")
    chosen, token = page(records, lambda one: one.key, _PAGE, next_token, invalid_next_token())
    return {
        "Endpoints": [
            {"EndpointArn": endpoint_arn(scope, one.key), "Attributes": one.value} for one in chosen
        ],
        "NextToken": token,
    }
