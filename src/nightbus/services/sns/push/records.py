"""Finds the records of platform applications and of their endpoints.

An application's key is `PLATFORM/name`, an endpoint's that of its application with `/id`. A third kind of record finds
the endpoint that has a token.
"""

from __future__ import annotations

import hashlib

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_arn
from nightbus.store.interface import Record

APPLICATION = "sns/platform-application"
ENDPOINT = "sns/platform-endpoint"
TOKEN = "sns/platform-token"  # noqa: S105 - the kind of the records
APPLICATION_PREFIX, ENDPOINT_PREFIX = "app/", "endpoint/"


def application_arn(scope: Scope, key: str) -> str:
    return arn("sns", scope.region, scope.account, f"{APPLICATION_PREFIX}{key}")


def endpoint_arn(scope: Scope, key: str) -> str:
    return arn("sns", scope.region, scope.account, f"{ENDPOINT_PREFIX}{key}")


def token_key(application: str, token: str) -> str:
    return f"{application}/{hashlib.sha256(token.encode()).hexdigest()}"


def application_key(endpoint_key: str) -> str:
    return endpoint_key.rpartition("/")[0]


def key_of(text: str, prefix: str, slashes: int) -> tuple[Scope, str] | None:
    """Return the scope and the key that an ARN names; None for another kind of ARN."""
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return None
    key = parsed.resource.removeprefix(prefix)
    if parsed.service != "sns" or key == parsed.resource or key.count("/") != slashes:
        return None
    return Scope(parsed.account, parsed.region), key


def endpoint_key(text: str) -> tuple[Scope, str] | None:
    return key_of(text, ENDPOINT_PREFIX, 2)


async def application_record(ctx: Context, text: str) -> tuple[Scope, Record]:
    """Raises AwsError InvalidParameter, NotFound."""
    place = key_of(text, APPLICATION_PREFIX, 1)
    if place is None:
        raise bad_arn("PlatformApplicationArn", text)
    record = await ctx.store.get(place[0], APPLICATION, place[1])
    if record is None or place[0] != ctx.scope:
        raise AwsError("NotFound", "PlatformApplication does not exist", 404)
    return place[0], record


async def endpoint_record(ctx: Context, text: str) -> tuple[Scope, Record]:
    """Raises AwsError InvalidParameter, NotFound."""
    place = endpoint_key(text)
    if place is None:
        raise bad_arn("EndpointArn", text)
    record = await ctx.store.get(place[0], ENDPOINT, place[1])
    if record is None or place[0] != ctx.scope:
        raise AwsError("NotFound", "Endpoint does not exist", 404)
    return place[0], record
