"""Creates, changes, lists and deletes platform applications.

Credentials are sealed by the vault and never shown, as on AWS. Nothing uses them: push notifications go to the outbox.

https://docs.aws.amazon.com/sns/latest/api/API_CreatePlatformApplication.html
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.grammar import whole_number
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_parameter, invalid_next_token
from nightbus.services.sns.push.records import (
    APPLICATION,
    ENDPOINT,
    TOKEN,
    application_arn,
    application_record,
)
from nightbus.store.interface import DeleteRecord, PutRecord, Record

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_PLATFORMS = {  # with the credentials that each must have
    "ADM": ("PlatformPrincipal", "PlatformCredential"),
    "APNS": ("PlatformCredential",),
    "APNS_SANDBOX": ("PlatformCredential",),
    "APNS_VOIP": ("PlatformCredential",),
    "APNS_VOIP_SANDBOX": ("PlatformCredential",),
    "MACOS": ("PlatformCredential",),
    "MACOS_SANDBOX": ("PlatformCredential",),
    "BAIDU": ("PlatformPrincipal", "PlatformCredential"),
    "FCM": ("PlatformCredential",),
    "GCM": ("PlatformCredential",),
    "MPNS": ("PlatformPrincipal", "PlatformCredential"),
    "WNS": ("PlatformPrincipal", "PlatformCredential"),
}
_SECRET = ("PlatformPrincipal", "PlatformCredential")
_EVENTS = ("EventEndpointCreated", "EventEndpointDeleted", "EventEndpointUpdated", "EventDeliveryFailure")
_PLAIN = (
    "Enabled",
    "SuccessFeedbackRoleArn",
    "FailureFeedbackRoleArn",
    "SuccessFeedbackSampleRate",
    "ApplePlatformTeamID",
    "ApplePlatformBundleID",
)
_PAGE = 100


async def create_platform_application(
    ctx: Context, *, name: str, platform: str, attributes: dict[str, str]
) -> dict[str, Any]:
    if not _NAME.fullmatch(name):
        raise bad_parameter(
            "Name Reason: must be 1 to 256 characters long and contain only characters 'a'-'z', 'A'-'Z', '0'-'9',"
            " '_', '-', and '.'"
        )
    if platform not in _PLATFORMS:
        raise bad_parameter(f"Platform Reason: {platform} is not supported")
    for needed in _PLATFORMS[platform]:
        if not attributes.get(needed):
            raise bad_parameter(f"Attributes Reason: Invalid value for attribute: {needed}: cannot be empty")
    key = f"{platform}/{name}"
    _check(attributes, "CreatePlatformApplication")
    existing = await ctx.store.get(ctx.scope, APPLICATION, key)
    if existing is None:
        value = {"Enabled": "true", **{one: attributes[one] for one in attributes if one not in _SECRET}}
        record = {"attributes": value, "sealed": await _sealed(ctx, attributes)}
        await ctx.store.commit(PutRecord(ctx.scope, APPLICATION, key, record, expect=0))
    elif await _differs(ctx, existing, attributes):
        raise bad_parameter(
            f"Name Reason: PlatformApplication {application_arn(ctx.scope, key)} already exists with the same Name,"
            " but different attributes."
        )
    return {"PlatformApplicationArn": application_arn(ctx.scope, key)}


async def _sealed(ctx: Context, attributes: dict[str, str]) -> str:
    secrets = {name: attributes[name] for name in _SECRET if name in attributes}
    return await asyncio.to_thread(ctx.platform.vault.seal, json.dumps(secrets).encode())


async def _opened(ctx: Context, record: Record) -> dict[str, str]:
    opened: dict[str, str] = json.loads(
        await asyncio.to_thread(ctx.platform.vault.open, record.value["sealed"])
    )
    return opened


async def _differs(ctx: Context, record: Record, attributes: dict[str, str]) -> bool:
    existing = {**record.value["attributes"], **await _opened(ctx, record)}
    return any(existing.get(name) != value for name, value in attributes.items())


def _check(attributes: dict[str, str], operation: str) -> None:
    for name, value in attributes.items():
        if name in _EVENTS and value:
            raise not_supported("sns", operation, name)
        if name not in (*_SECRET, *_PLAIN, *_EVENTS):
            raise bad_parameter(f"Attributes Reason: Invalid attribute name: {name}")
        if name == "Enabled" and value.lower() not in ("true", "false"):
            raise bad_parameter(
                f"Attributes Reason: Invalid value for attribute: {name}: must be true or false"
            )
        if name == "SuccessFeedbackSampleRate" and whole_number(value) not in range(101):
            raise bad_parameter(f"Attributes Reason: Invalid value for attribute: {name}")


async def get_platform_application_attributes(
    ctx: Context, *, platform_application_arn: str
) -> dict[str, Any]:
    _, record = await application_record(ctx, platform_application_arn)
    return {"Attributes": record.value["attributes"]}


async def set_platform_application_attributes(
    ctx: Context, *, platform_application_arn: str, attributes: dict[str, str]
) -> None:
    scope, record = await application_record(ctx, platform_application_arn)
    _check(attributes, "SetPlatformApplicationAttributes")
    shown = {**record.value["attributes"]}
    shown |= {name: value for name, value in attributes.items() if name not in _SECRET}
    value = {"attributes": shown, "sealed": record.value["sealed"]}
    if any(name in _SECRET for name in attributes):
        value["sealed"] = await _sealed(ctx, {**await _opened(ctx, record), **attributes})
    await ctx.store.commit(PutRecord(scope, APPLICATION, record.key, value, expect=record.revision))


async def delete_platform_application(ctx: Context, *, platform_application_arn: str) -> None:
    """Delete an application with its endpoints. Succeeds if there is none."""
    try:
        scope, record = await application_record(ctx, platform_application_arn)
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    endpoints = [
        DeleteRecord(scope, kind, one.key)
        for kind in (ENDPOINT, TOKEN)
        for one in await ctx.store.list(scope, kind, prefix=f"{record.key}/")
    ]
    await ctx.store.commit(DeleteRecord(scope, APPLICATION, record.key, record.revision), *endpoints)


async def list_platform_applications(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, APPLICATION)
    chosen, token = page(records, lambda one: one.key, _PAGE, next_token, invalid_next_token())
    return {
        "PlatformApplications": [
            {
                "PlatformApplicationArn": application_arn(ctx.scope, one.key),
                "Attributes": one.value["attributes"],
            }
            for one in chosen
        ],
        "NextToken": token,
    }
