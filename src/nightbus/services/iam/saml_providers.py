"""Keeps SAML providers, which templates and trust policies name.

Nobody gets credentials by them: AssumeRoleWithSAML is refused by name, since assertions are not verified.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nightbus.aws.ids import new_iam_id
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists, invalid_input
from nightbus.services.iam.provider_records import SAML, SAML_PROVIDER, change_provider, find_provider
from nightbus.services.iam.quotas import check_quota
from nightbus.services.iam.records import iam_arn, time_of
from nightbus.services.iam.tags import Tag, checked_iam_tags
from nightbus.store.interface import DeleteRecord, PutRecord

_MOST = 100
_VALID = timedelta(days=36_500)  # of metadata that does not say until when
_DESCRIPTOR = re.compile(r"<(?:\w+:)?EntityDescriptor[\s>]")
_VALID_UNTIL = re.compile(r"\bvalidUntil=[\"']([^\"']+)[\"']")


async def create_saml_provider(
    ctx: Context,
    *,
    saml_metadata_document: str,
    name: str,
    tags: Sequence[Tag] = (),
    assertion_encryption_mode: str = "Allowed",
) -> dict[str, Any]:
    valid_until = _valid_until(saml_metadata_document, ctx.now_ms())
    value = {
        "Arn": iam_arn(ctx, f"saml-provider/{name}"),
        "Id": new_iam_id("ASPA"),
        "Document": saml_metadata_document,
        "Created": ctx.now_ms(),
        "ValidUntil": valid_until,
        "Encryption": assertion_encryption_mode,
        "Tags": checked_iam_tags(tags),
    }
    if await ctx.store.get(ctx.global_scope, SAML_PROVIDER, name) is not None:
        raise already_exists(f"SAMLProvider with name {name} already exists.")
    await check_quota(ctx, SAML_PROVIDER, "SAMLProvidersPerAccount", _MOST)
    await ctx.store.commit(PutRecord(ctx.global_scope, SAML_PROVIDER, name, value, expect=0))
    return {"SAMLProviderArn": value["Arn"], "Tags": value["Tags"] or None}


def _valid_until(document: str, now_ms: int) -> int:
    """Return until when the metadata is valid, in UTC ms. Raises AwsError InvalidInput for what is not metadata."""
    if not _DESCRIPTOR.search(document):
        raise invalid_input("Could not parse metadata")
    stated = _VALID_UNTIL.search(document)
    if stated is None:
        return int((datetime.fromtimestamp(now_ms / 1000, UTC) + _VALID).timestamp() * 1000)
    try:
        time = datetime.fromisoformat(stated[1])
    except ValueError:
        raise invalid_input("Could not parse metadata") from None
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


async def get_saml_provider(ctx: Context, *, saml_provider_arn: str) -> dict[str, Any]:
    value = (await find_provider(ctx, SAML, saml_provider_arn)).value
    return {
        "SAMLProviderUUID": value["Id"],
        "SAMLMetadataDocument": value["Document"],
        "CreateDate": time_of(value["Created"]),
        "ValidUntil": time_of(value["ValidUntil"]),
        "AssertionEncryptionMode": value["Encryption"],
        "Tags": value["Tags"],
    }


async def list_saml_providers(ctx: Context) -> dict[str, Any]:
    records = await ctx.store.list(ctx.global_scope, SAML_PROVIDER)
    providers = [
        {
            "Arn": record.value["Arn"],
            "ValidUntil": time_of(record.value["ValidUntil"]),
            "CreateDate": time_of(record.value["Created"]),
        }
        for record in records
    ]
    return {"SAMLProviderList": providers}


async def update_saml_provider(
    ctx: Context,
    *,
    saml_provider_arn: str,
    saml_metadata_document: str | None = None,
    assertion_encryption_mode: str | None = None,
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if saml_metadata_document is not None:
        until = _valid_until(saml_metadata_document, ctx.now_ms())
        changes |= {"Document": saml_metadata_document, "ValidUntil": until}
    if assertion_encryption_mode is not None:
        changes["Encryption"] = assertion_encryption_mode
    await change_provider(ctx, SAML, saml_provider_arn, lambda value: value.update(changes))
    return {"SAMLProviderArn": saml_provider_arn}


async def delete_saml_provider(ctx: Context, *, saml_provider_arn: str) -> None:
    record = await find_provider(ctx, SAML, saml_provider_arn)
    await ctx.store.commit(DeleteRecord(ctx.global_scope, SAML_PROVIDER, record.key, record.revision))
