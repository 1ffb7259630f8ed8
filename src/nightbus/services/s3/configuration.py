"""The settings of a bucket that are put, got and deleted as one document each.

Versioning has its effect in `writing.py`; the others are kept and shown, and enforced where their feature comes.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.replies import Reply
from nightbus.services.context import Context, Handler
from nightbus.services.s3.errors import malformed_xml
from nightbus.services.s3.history import find_version
from nightbus.services.s3.records import BUCKET, canonical_id, find_bucket
from nightbus.store.interface import SYSTEM, Conflict, PutRecord

Check = Callable[[Any], None]
_LARGEST_POLICY = 20_480


def _handler(run: Callable[..., Any], *names: str) -> Handler:
    """`run(ctx, parameters)` as a handler that honours `names` beside the bucket and its expected owner."""

    async def handler(ctx: Context, **parameters: Any) -> Any:
        return await run(ctx, parameters)

    every = ("ctx", "bucket", "expected_bucket_owner", *names)
    signature = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in every])
    handler.__signature__ = signature  # type: ignore[attr-defined]
    return handler


async def save(ctx: Context, bucket: str, owner: str | None, changes: Mapping[str, Any]) -> None:
    """Set (or, with None, remove) members of the bucket's record."""
    record = await find_bucket(ctx, bucket, owner)
    value = {name: one for name, one in {**record.value, **changes}.items() if one is not None}
    try:
        await ctx.store.commit(PutRecord(SYSTEM, BUCKET, bucket, value, expect=record.revision))
    except Conflict as changed:
        text = "A conflicting conditional operation is currently in progress against this resource."
        raise AwsError("OperationAborted", f"{text} Please try again.", 409) from changed


def putter(parameter: str, member: str, check: Check | None = None, status: int | None = None) -> Handler:
    """Keeps the operation's `parameter` as the bucket's `member`."""

    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Reply:
        value = parameters[parameter]
        if check is not None:
            check(value)
        await save(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"), {member: value})
        return Reply(status=status)

    return _handler(run, parameter, "content_md5", "checksum_algorithm")


def getter(member: str, missing: AwsError | None, wrap: str | None = None, default: Any = None) -> Handler:
    """The kept document, under `wrap` where the output has it in one member, else as the output itself."""

    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Any:
        record = await find_bucket(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"))
        value = record.value.get(member, default)
        if value is None:
            if missing is None:
                return {}
            fields = {"BucketName": parameters["bucket"]}
            raise AwsError(missing.code, missing.message, missing.status, fields=fields)
        return {wrap: value} if wrap else value

    return _handler(run)


def deleter(member: str) -> Handler:
    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Reply:
        await save(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"), {member: None})
        return Reply(status=204)

    return _handler(run)


def fixed(output: Mapping[str, Any]) -> Handler:
    """What every bucket answers where nothing else can be set."""

    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Any:
        await find_bucket(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"))
        return dict(output)

    return _handler(run)


def missing(code: str, message: str) -> AwsError:
    return AwsError(code, message, 404)


def check_policy(text: str) -> None:
    """Raises AwsError MalformedPolicy for what is no policy."""
    if len(text.encode()) > _LARGEST_POLICY:
        raise AwsError("PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
    try:
        policy = json.loads(text)
    except ValueError as broken:
        raise AwsError("MalformedPolicy", "This policy contains invalid Json") from broken
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise AwsError("MalformedPolicy", "Missing required field Statement")
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    for statement in statements:
        for name in ("Effect", "Action", "Resource", "Principal"):
            if not isinstance(statement, dict) or not {name, f"Not{name}"} & set(statement):
                raise AwsError("MalformedPolicy", f"Missing required field {name}")


def check_versioning(value: Mapping[str, Any]) -> None:
    if value.get("Status") not in ("Enabled", "Suspended"):
        raise malformed_xml()
    if value.get("MFADelete") == "Enabled":
        raise not_supported("s3", "PutBucketVersioning", "MFADelete")


def check_encryption(value: Mapping[str, Any]) -> None:
    """The default encryption is a setting that is kept and shown: what lies on the node's disk is encrypted by whoever
    encrypts that disk, with either algorithm."""
    for rule in value.get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if default.get("SSEAlgorithm", "AES256") not in ("AES256", "aws:kms"):
            raise not_supported("s3", "PutBucketEncryption", default["SSEAlgorithm"])


def check_tags(value: Mapping[str, Any]) -> None:
    keys = [tag["Key"] for tag in value.get("TagSet", [])]
    if len(set(keys)) != len(keys):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")


async def get_bucket_policy_status(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    policy = record.value.get("Policy")
    if policy is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404)
    parsed = json.loads(policy)["Statement"]
    public = any(
        statement.get("Effect") == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and not statement.get("Condition")
        for statement in (parsed if isinstance(parsed, list) else [parsed])
    )
    return {"PolicyStatus": {"IsPublic": public}}


async def get_acl(ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Every bucket belongs to its owner alone: ACLs are disabled, as AWS has it by default."""
    await find_bucket(ctx, bucket, expected_bucket_owner)
    return acl_of(ctx.account)


async def get_object_acl(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
    return acl_of(ctx.account)


def acl_of(account: str) -> dict[str, Any]:
    owner = {"ID": canonical_id(account), "DisplayName": account}
    return {
        "Owner": owner,
        "Grants": [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}],
    }
