"""Finds, changes and tags the records of identity providers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.tags import Tag, add_tags, checked_iam_tags, remove_tags, tag_key
from nightbus.store.interface import PutRecord, Record

OIDC_PROVIDER = "iam/oidc-provider"
SAML_PROVIDER = "iam/saml-provider"


class ProviderKind(NamedTuple):
    record: str
    resource: str  # of the ARN, before the provider's name
    noun: str


OIDC = ProviderKind(OIDC_PROVIDER, "oidc-provider/", "OpenIDConnect Provider")
SAML = ProviderKind(SAML_PROVIDER, "saml-provider/", "Manifest")


async def find_provider(ctx: Context, kind: ProviderKind, arn: str) -> Record:
    """Return the provider's record. Raises AwsError InvalidInput or NoSuchEntity."""
    prefix = f"arn:{partition_of(ctx.region)}:iam::"
    owner, _, resource = arn.removeprefix(prefix).partition(":")
    if not arn.startswith(prefix) or not resource.startswith(kind.resource):
        raise invalid_input(f"Invalid ARN: {arn}")
    name = resource.removeprefix(kind.resource)
    record = await ctx.store.get(ctx.global_scope, kind.record, name) if owner == ctx.account else None
    if record is None:
        raise AwsError("NoSuchEntity", f"{kind.noun} not found for arn {arn}", 404)
    return record


async def change_provider(
    ctx: Context, kind: ProviderKind, arn: str, change: Callable[[dict[str, Any]], None]
) -> None:
    record = await find_provider(ctx, kind, arn)
    change(record.value)
    put = PutRecord(ctx.global_scope, kind.record, record.key, record.value, record.revision)
    await ctx.store.commit(put)


async def tag_open_id_connect_provider(
    ctx: Context, *, open_id_connect_provider_arn: str, tags: Sequence[Tag]
) -> None:
    new = checked_iam_tags(tags)
    await change_provider(ctx, OIDC, open_id_connect_provider_arn, lambda value: add_tags(value, new))


async def untag_open_id_connect_provider(
    ctx: Context, *, open_id_connect_provider_arn: str, tag_keys: Sequence[str]
) -> None:
    await change_provider(ctx, OIDC, open_id_connect_provider_arn, lambda value: remove_tags(value, tag_keys))


async def list_open_id_connect_provider_tags(
    ctx: Context,
    *,
    open_id_connect_provider_arn: str,
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    tags = (await find_provider(ctx, OIDC, open_id_connect_provider_arn)).value["Tags"]
    return listing("Tags", tags, tag_key, max_items, marker)


async def tag_saml_provider(ctx: Context, *, saml_provider_arn: str, tags: Sequence[Tag]) -> None:
    new = checked_iam_tags(tags)
    await change_provider(ctx, SAML, saml_provider_arn, lambda value: add_tags(value, new))


async def untag_saml_provider(ctx: Context, *, saml_provider_arn: str, tag_keys: Sequence[str]) -> None:
    await change_provider(ctx, SAML, saml_provider_arn, lambda value: remove_tags(value, tag_keys))


async def list_saml_provider_tags(
    ctx: Context,
    *,
    saml_provider_arn: str,
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    tags = (await find_provider(ctx, SAML, saml_provider_arn)).value["Tags"]
    return listing("Tags", tags, tag_key, max_items, marker)
