"""Keeps OpenID Connect providers, which templates and trust policies name.

Nobody gets credentials by them: AssumeRoleWithWebIdentity is refused by name, since tokens are not verified.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists, limit_exceeded
from nightbus.services.iam.provider_records import OIDC, OIDC_PROVIDER, change_provider, find_provider
from nightbus.services.iam.quotas import check_quota
from nightbus.services.iam.records import iam_arn, time_of
from nightbus.services.iam.tags import Tag, checked_iam_tags
from nightbus.store.interface import DeleteRecord, PutRecord

_URL = re.compile(r"https://([A-Za-z0-9.-]+(?:/[^?#\s]*)?)")
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")
_MOST, _MOST_CLIENTS, _MOST_THUMBPRINTS = 100, 100, 5


async def create_open_id_connect_provider(
    ctx: Context,
    *,
    url: str,
    client_id_list: Sequence[str] = (),
    thumbprint_list: Sequence[str] = (),
    tags: Sequence[Tag] = (),
) -> dict[str, Any]:
    """Keep the provider. AWS finds the thumbprint of one without any; here it has none, since nobody is asked."""
    found = _URL.fullmatch(url)
    if found is None:
        raise AwsError("ValidationError", f"Invalid Open ID Connect Provider URL: {url}")
    _check_thumbprints(thumbprint_list)
    _check_clients(client_id_list)
    name = found[1].rstrip("/")
    value = {
        "Arn": iam_arn(ctx, f"oidc-provider/{name}"),
        "Url": name,
        "Clients": list(dict.fromkeys(client_id_list)),
        "Thumbprints": list(thumbprint_list),
        "Created": ctx.now_ms(),
        "Tags": checked_iam_tags(tags),
    }
    if await ctx.store.get(ctx.global_scope, OIDC_PROVIDER, name) is not None:
        raise already_exists(f"Provider with url {url} already exists.")
    await check_quota(ctx, OIDC_PROVIDER, "OpenIdConnectProvidersPerAccount", _MOST)
    await ctx.store.commit(PutRecord(ctx.global_scope, OIDC_PROVIDER, name, value, expect=0))
    return {"OpenIDConnectProviderArn": value["Arn"], "Tags": value["Tags"] or None}


def _check_thumbprints(thumbprints: Sequence[str]) -> None:
    if len(thumbprints) > _MOST_THUMBPRINTS:
        text = f"Thumbprint list must contain fewer than {_MOST_THUMBPRINTS} entries."
        raise AwsError("InvalidInput", text)
    for one in thumbprints:
        if not _THUMBPRINT.fullmatch(one):
            raise AwsError("ValidationError", "Thumbprints must be 40 hexadecimal characters.")


def _check_clients(clients: Sequence[str]) -> None:
    if len(clients) > _MOST_CLIENTS:
        text = f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {_MOST_CLIENTS}"
        raise limit_exceeded(text)


async def get_open_id_connect_provider(ctx: Context, *, open_id_connect_provider_arn: str) -> dict[str, Any]:
    value = (await find_provider(ctx, OIDC, open_id_connect_provider_arn)).value
    return {
        "Url": value["Url"],
        "ClientIDList": value["Clients"],
        "ThumbprintList": value["Thumbprints"],
        "CreateDate": time_of(value["Created"]),
        "Tags": value["Tags"],
    }


async def list_open_id_connect_providers(ctx: Context) -> dict[str, Any]:
    records = await ctx.store.list(ctx.global_scope, OIDC_PROVIDER)
    return {"OpenIDConnectProviderList": [{"Arn": record.value["Arn"]} for record in records]}


async def add_client_id_to_open_id_connect_provider(
    ctx: Context, *, open_id_connect_provider_arn: str, client_id: str
) -> None:
    def add(value: dict[str, Any]) -> None:
        if client_id not in value["Clients"]:
            value["Clients"].append(client_id)
        _check_clients(value["Clients"])

    await change_provider(ctx, OIDC, open_id_connect_provider_arn, add)


async def remove_client_id_from_open_id_connect_provider(
    ctx: Context, *, open_id_connect_provider_arn: str, client_id: str
) -> None:
    """Remove the client id. One that is not there is no error, as AWS documents it."""

    def remove(value: dict[str, Any]) -> None:
        value["Clients"] = [one for one in value["Clients"] if one != client_id]

    await change_provider(ctx, OIDC, open_id_connect_provider_arn, remove)


async def update_open_id_connect_provider_thumbprint(
    ctx: Context, *, open_id_connect_provider_arn: str, thumbprint_list: Sequence[str]
) -> None:
    _check_thumbprints(thumbprint_list)
    changes = {"Thumbprints": list(thumbprint_list)}
    await change_provider(ctx, OIDC, open_id_connect_provider_arn, lambda value: value.update(changes))


async def delete_open_id_connect_provider(ctx: Context, *, open_id_connect_provider_arn: str) -> None:
    """Delete the provider. One that is not there is no error, as AWS documents it."""
    try:
        record = await find_provider(ctx, OIDC, open_id_connect_provider_arn)
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return
        raise
    await ctx.store.commit(DeleteRecord(ctx.global_scope, OIDC_PROVIDER, record.key, record.revision))
