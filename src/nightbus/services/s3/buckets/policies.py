"""Stores, returns and validates bucket policies. `public_access.py` applies them to anonymous callers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError
from nightbus.aws.replies import Reply
from nightbus.policies.grammar import is_resource_policy
from nightbus.services.context import Context
from nightbus.services.known_principals import named_principals
from nightbus.services.s3.buckets.configuration import save
from nightbus.services.s3.records import BUCKET, find_bucket, require_owner
from nightbus.store.interface import SYSTEM, PutRecord

_LARGEST = 20_480
_LIMITING = frozenset({"stringequals", "stringlike", "arnequals", "arnlike", "ipaddress"})
_FIXED = frozenset(
    {
        "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
        "aws:sourceaccount", "aws:sourcearn", "aws:sourceip", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce",
        "aws:userid", "aws:username", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)  # fmt: skip
_SMALLEST_V4, _SMALLEST_V6 = 8, 32  # bits of a network's prefix
_VERSIONS = ("2008-10-17", "2012-10-17")


async def put_bucket_policy(
    ctx: Context,
    *,
    bucket: str,
    policy: str,
    confirm_remove_self_bucket_access: bool = False,
    content_md5: str | None = None,
    checksum_algorithm: str | None = None,
    expected_bucket_owner: str | None = None,
) -> Reply:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    require_owner(ctx, record)
    parsed = parse(policy, bucket)
    principals = await named_principals(ctx, str(record.value["Account"]), parsed)
    if principals.unknown is not None:
        raise _malformed("Invalid principal in policy")
    if is_public(parsed) and record.value.get("PublicAccessBlock", {}).get("BlockPublicPolicy"):
        text = f"User: {ctx.caller.arn} is not authorized to perform: s3:PutBucketPolicy on resource:"
        text += f' "arn:aws:s3:::{bucket}" because public policies are prevented by the BlockPublicPolicy setting in S3'
        raise AwsError("AccessDenied", f"{text} Block Public Access.", 403)
    value = {**record.value, "Policy": policy}
    stored = PutRecord(SYSTEM, BUCKET, record.key, value, expect=record.revision)
    await ctx.store.commit(stored, *principals.changes)
    return Reply(status=204)


async def get_bucket_policy(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    require_owner(ctx, record)
    if record.value.get("Policy") is None:
        raise no_policy(bucket)
    return {"Policy": record.value["Policy"]}


async def delete_bucket_policy(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> Reply:
    require_owner(ctx, await find_bucket(ctx, bucket, expected_bucket_owner))
    await save(ctx, bucket, expected_bucket_owner, {"Policy": None})
    return Reply(status=204)


async def get_bucket_policy_status(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    policy = record.value.get("Policy")
    if policy is None:
        raise no_policy(bucket)
    return {"PolicyStatus": {"IsPublic": is_public(json.loads(policy))}}


def no_policy(bucket: str) -> AwsError:
    fields = {"BucketName": bucket}
    return AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, fields=fields)


def parse(text: str, bucket: str) -> Mapping[str, Any]:
    """Parse a policy. Raises AwsError MalformedPolicy for what is not a valid policy of this bucket."""
    if len(text.encode()) > _LARGEST:
        raise AwsError("PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
    try:
        policy = read_document(text)
    except ValueError as broken:
        raise _malformed("This policy contains invalid Json") from broken
    if not isinstance(policy, dict):
        raise _malformed("This policy contains invalid Json")
    if "Version" in policy and policy["Version"] not in _VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    if not policy.get("Statement"):
        raise _malformed("Missing required field Statement")
    for statement in _statements(policy):
        _check_statement(statement, bucket)
    return policy


def is_public(policy: Mapping[str, Any]) -> bool:
    """Return whether a statement allows everyone an action, and no condition limits it to fixed values of certain keys.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
    """
    return any(
        statement.get("Effect") == "Allow"
        and _is_everyone(statement)
        and not _is_limited(statement.get("Condition") or {})
        for statement in _statements(policy)
    )


def _is_everyone(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if "NotPrincipal" in statement or principal == "*":
        return True
    return isinstance(principal, dict) and "*" in _listed(principal.get("AWS", []))


def _is_limited(conditions: Mapping[str, Any]) -> bool:
    return any(
        operator.lower() in _LIMITING and key.lower() in _FIXED and all(map(_is_fixed, _listed(values)))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _is_fixed(value: Any) -> bool:
    """Return whether the value is one value, or a network that is not half of the internet."""
    text = str(value)
    address, slash, bits = text.partition("/")
    if slash and bits.isdigit():
        return int(bits) >= (_SMALLEST_V6 if ":" in address else _SMALLEST_V4)
    return not set("*?$") & set(text)


def _check_statement(statement: Any, bucket: str) -> None:
    if not isinstance(statement, dict):
        raise _malformed("This policy contains invalid Json")
    for name in ("Effect", "Action", "Resource", "Principal"):
        if not {name, f"Not{name}"} & set(statement):
            raise _malformed(f"Missing required field {name}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement.get('Effect')}")
    for action in _listed(statement.get("Action", statement.get("NotAction"))):
        if not isinstance(action, str) or (action != "*" and not action.lower().startswith("s3:")):
            raise _malformed("Policy has invalid action")
    for resource in _listed(statement.get("Resource", statement.get("NotResource"))):
        if not isinstance(resource, str) or not _is_in(resource, bucket):
            raise _malformed("Policy has invalid resource")
    if not is_resource_policy({"Statement": statement}):
        raise _malformed("Invalid policy syntax.")


def _is_in(resource: str, bucket: str) -> bool:
    resource_name = resource.split(":", 5)[-1] if resource.startswith("arn:") else ""
    return resource_name == bucket or resource_name.startswith(f"{bucket}/")


def _statements(policy: Mapping[str, Any]) -> Iterator[Any]:
    yield from _listed(policy["Statement"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message)
