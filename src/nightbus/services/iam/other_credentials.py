"""Answers the operations that list what no user of a node has: MFA devices and certificates.

Tools read these lists before they delete a user (Terraform's `force_destroy`, boto3's resources). The operations that
would make such a thing are refused by name, so the lists are empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.services.context import Context, Handler
from nightbus.services.iam.listing import DEFAULT_PAGE
from nightbus.services.iam.records import USERS, find_entity
from nightbus.services.iam.users import named_or_calling

_NONE: Mapping[str, Any] = {"IsTruncated": False}


def of_user(member: str) -> Handler:
    """Return the handler of a list of the named or the calling user's, after a look whether the user is there."""

    async def handler(
        ctx: Context,
        *,
        user_name: str | None = None,
        marker: str | None = None,
        max_items: int = DEFAULT_PAGE,
    ) -> dict[str, Any]:
        await find_entity(ctx, USERS, named_or_calling(ctx, user_name))
        return {member: [], **_NONE}

    return handler


async def list_service_specific_credentials(
    ctx: Context,
    *,
    user_name: str | None = None,
    service_name: str | None = None,
    all_users: bool = False,
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    if not all_users:
        await find_entity(ctx, USERS, named_or_calling(ctx, user_name))
    return {"ServiceSpecificCredentials": [], **_NONE}


async def list_virtual_mfa_devices(
    ctx: Context,
    *,
    assignment_status: str = "Any",
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    return {"VirtualMFADevices": [], **_NONE}


async def list_server_certificates(
    ctx: Context, *, path_prefix: str = "/", marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return {"ServerCertificateMetadataList": [], **_NONE}
