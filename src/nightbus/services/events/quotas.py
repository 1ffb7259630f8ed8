"""Enforces EventBridge's quotas, unless the node runs with `--no-quotas`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nightbus.aws.errors import AwsError, validation_error
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
_RESERVED = "aws:"
_TAGGER = "cloudformation.amazonaws.com"


def check_quota(ctx: Context, count: int, most: int) -> None:
    """Raise AwsError LimitExceededException if `count` is greater than `most`."""
    if ctx.platform.quotas and count > most:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


async def check_room(ctx: Context, kind: str, prefix: str, most: int) -> None:
    """Raise AwsError LimitExceededException if there are `most` records with the kind and the prefix already."""
    if ctx.platform.quotas:
        check_quota(ctx, len(await ctx.store.list(ctx.scope, kind, prefix=prefix)) + 1, most)


def tags_of_new(ctx: Context, tags: Sequence[dict[str, Any]] | None) -> dict[str, str]:
    """Return the tags of a new resource by key. Raises AwsError as `check_tags` does."""
    by_key = {tag["Key"]: tag["Value"] for tag in tags or ()}
    check_tags(ctx, by_key, by_key)
    return by_key


def check_tags(ctx: Context, changed: Iterable[str], resulting: Iterable[str]) -> None:
    """Raise AwsError if a changed key is reserved for AWS, or there are too many `resulting` keys that are not.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-tagging.html
    """
    if ctx.caller.service != _TAGGER and any(key.startswith(_RESERVED) for key in changed):
        raise validation_error(f"Tag keys must not begin with {_RESERVED}, which is reserved for AWS.")
    check_quota(ctx, sum(not key.startswith(_RESERVED) for key in resulting), TAGS_PER_RESOURCE)
