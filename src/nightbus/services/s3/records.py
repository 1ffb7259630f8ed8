"""Defines the records of buckets and of versions of objects.

A bucket's name is unique on the whole node, so bucket records have the scope SYSTEM and name the owner's account. The
current version of a key (which may be a delete marker) is a record of one kind, keyed by the object's key. Older
versions are records of another kind, with keys that sort newer versions first.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.services.context import Context
from nightbus.services.s3.errors import access_denied, no_such_bucket
from nightbus.store.interface import SYSTEM, Record

BUCKET = "s3/bucket"
NULL_VERSION = "null"
_LAST_ORDER = 10**12


def object_kind(bucket: str) -> str:
    """Return the kind of the bucket's current versions."""
    return f"s3/object/{bucket}"


def version_kind(bucket: str) -> str:
    """Return the kind of the bucket's older versions."""
    return f"s3/version/{bucket}"


def upload_kind(bucket: str) -> str:
    return f"s3/upload/{bucket}"


def part_kind(bucket: str, upload: str) -> str:
    return f"s3/part/{bucket}/{upload}"


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object. `modified` is UTC ms; `digest` names the blob, "" for a delete marker."""

    key: str
    version_id: str
    modified: int
    owner: str  # the name under which this version keeps its blob
    order: int = 0  # one more than that of the key's version before
    digest: str = ""
    size: int = 0
    etag: str = ""  # without quotes
    md5: str = ""  # of the bytes, in hexadecimal; a multipart upload has another etag
    headers: dict[str, str] = field(default_factory=dict)  # ContentType, CacheControl …
    metadata: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)  # ChecksumCRC32 …
    checksum_type: str = "FULL_OBJECT"
    tags: dict[str, str] = field(default_factory=dict)
    parts: list[int] = field(default_factory=list)  # the parts' sizes in bytes, for a multipart upload
    part_checksums: list[str] = field(default_factory=list)  # if the checksum is composed of them
    delete_marker: bool = False
    lock: dict[str, Any] = field(default_factory=dict)  # as `locks/retention.py` says; empty for none
    restored_until: int = (
        0  # UTC ms until which an archived object may be read, 0 for one that was not restored
    )
    encryption: dict[str, Any] = field(default_factory=dict)  # the members of replies; empty for S3's own key

    @classmethod
    def of(cls, record: Record) -> ObjectVersion:
        return cls(**record.value)

    def value(self) -> dict[str, Any]:
        return asdict(self)

    def older_key(self) -> str:
        """Return the key of the record of this version once it is not current. Newer versions sort first."""
        return f"{self.key}\0{_LAST_ORDER - self.order:013d}"

    @property
    def quoted_etag(self) -> str:
        return f'"{self.etag}"'

    @property
    def last_modified(self) -> datetime:
        return datetime.fromtimestamp(self.modified // 1000, UTC)


def new_version_id() -> str:
    return new_hex(32)


def canonical_id(account: str) -> str:
    """Return the account's canonical user id: 64 hexadecimal digits that depend on the account only."""
    return hashlib.sha256(f"canonical user of {account}".encode()).hexdigest()


def owner_of(account: str) -> dict[str, str]:
    return {"ID": canonical_id(account), "DisplayName": account}


# The bucket with logging that the request under way is about (`access_logs/recording.py`).
LOGGED_BUCKET: ContextVar[Record | None] = ContextVar("LOGGED_BUCKET", default=None)


async def find_bucket(ctx: Context, bucket: str, expected_owner: str | None = None) -> Record:
    """Return the bucket's record. Raises AwsError NoSuchBucket, or AccessDenied where another account is expected.

    The Authorizer has judged whether a caller of another account may use the bucket.
    """
    record = await ctx.store.get(SYSTEM, BUCKET, bucket)
    if record is None:
        raise no_such_bucket(bucket)
    if "Logging" in record.value:
        LOGGED_BUCKET.set(record)
    _check_partition(ctx, record)
    owner = record.value["Account"]
    if expected_owner is not None and expected_owner != owner:
        raise access_denied()
    if owner != ctx.account and ctx.platform.authorizer is None:
        raise access_denied()
    return record


def _check_partition(ctx: Context, bucket: Record) -> None:
    """Raise AwsError for a request that is signed for a Region of another partition than the bucket's.

    Such a request was judged by an ARN that the bucket does not have, which its policies do not name.
    """
    region = bucket.value["Region"]
    if ctx.caller.is_anonymous or ctx.call.trusted or partition_of(region) == partition_of(ctx.region):
        return
    text = "The authorization header is malformed; the region"
    raise AwsError(
        "AuthorizationHeaderMalformed",
        f"{text} '{ctx.region}' is wrong; expecting '{region}'",
        fields={"Region": region},
    )


def arn_of(bucket: str, region: str) -> str:
    return f"arn:{partition_of(region)}:s3:::{bucket}"


def bucket_arn(bucket: Record) -> str:
    return arn_of(bucket.key, bucket.value["Region"])


def require_owner(ctx: Context, bucket: Record) -> None:
    """Raise AwsError unless the caller's account has the bucket: only it may read and change the bucket's policy.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
    """
    if bucket.value["Account"] != ctx.account and not ctx.call.trusted:
        text = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", text, 405)


def is_versioned(bucket: Record) -> bool:
    return bool(bucket.value.get("VersioningConfiguration", {}).get("Status") == "Enabled")


def was_ever_versioned(bucket: Record) -> bool:
    return bool(bucket.value.get("VersioningConfiguration", {}).get("Status"))


def version_id_in_reply(bucket: Record, version_id: str) -> str | None:
    """Return the version id that replies contain: None if the bucket never had versioning."""
    return version_id if was_ever_versioned(bucket) else None
