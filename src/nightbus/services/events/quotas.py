"""AWS's quotas of events, which a node may be told not to keep to (`--no-quotas`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context

RULES_PER_BUS = 300
WILDCARD_RULES_PER_BUS = 30
TARGETS_PER_RULE = 5
BUSES_PER_REGION = 100
ARCHIVES_PER_REGION = 100
ENDPOINTS_PER_REGION = 100
ACTIVE_REPLAYS = 10
CONNECTIONS_PER_REGION = 3_000
API_DESTINATIONS_PER_REGION = 3_000
TAGS_PER_RESOURCE = 50
POLICY_BYTES = 10 * 1024


def check_quota(ctx: Context, wanted: int, most: int) -> None:
    """Raises AwsError LimitExceededException where `wanted` are too many."""
    if ctx.platform.quotas and wanted > most:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


async def check_room(ctx: Context, kind: str, prefix: str, most: int) -> None:
    """Raises AwsError LimitExceededException where there is no room for one record more."""
    if ctx.platform.quotas:
        check_quota(ctx, len(await ctx.store.list(ctx.scope, kind, prefix=prefix)) + 1, most)


def tags_of(ctx: Context, tags: Sequence[dict[str, Any]] | None) -> dict[str, str]:
    """The tags of a new resource, by key."""
    found = {tag["Key"]: tag["Value"] for tag in tags or ()}
    check_quota(ctx, len(found), TAGS_PER_RESOURCE)
    return found
