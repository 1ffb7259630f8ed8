"""What is kept of buckets and objects?

Bucket names are one space for the whole node, so that buckets stand in the node's own scope with their owner in the
record. Of each key the current version is one record (it may be a delete marker) and older versions are others, keyed
so that newer ones come first.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.ids import new_hex
from nightbus.services.context import Context
from nightbus.services.s3.errors import access_denied, no_such_bucket
from nightbus.store.interface import SYSTEM, Record

BUCKET = "s3/bucket"
NULL_VERSION = "null"
_LAST_ORDER = 10**12


def object_kind(bucket: str) -> str:
    """Current versions by key."""
    return f"s3/object/{bucket}"


def version_kind(bucket: str) -> str:
    """Versions that are not current any more."""
    return f"s3/version/{bucket}"


def upload_kind(bucket: str) -> str:
    return f"s3/upload/{bucket}"


def part_kind(bucket: str, upload: str) -> str:
    return f"s3/part/{bucket}/{upload}"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object. `modified` is UTC ms; `digest` names the blob, "" for a delete marker."""

    key: str
    version_id: str
    modified: int
    owner: str  # under which the blob is kept
    order: int = 0  # grows from version to version of a key
    digest: str = ""
    size: int = 0
    etag: str = ""  # without quotes
    md5: str = ""  # of the bytes; the etag of a multipart upload is another
    headers: dict[str, str] = field(default_factory=dict)  # ContentType, CacheControl …
    metadata: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)  # ChecksumCRC32 …
    checksum_type: str = "FULL_OBJECT"
    tags: dict[str, str] = field(default_factory=dict)
    parts: list[int] = field(default_factory=list)  # sizes, of a multipart upload
    part_checksums: list[str] = field(default_factory=list)  # where the checksum is made of them
    delete_marker: bool = False
    encryption: dict[str, Any] = field(default_factory=dict)  # as replies say it; empty: S3's own key

    @classmethod
    def of(cls, record: Record) -> Version:
        return cls(**record.value)

    def value(self) -> dict[str, Any]:
        return asdict(self)

    def older_key(self) -> str:
        """Where it is kept once it is not current: newer ones sort first."""
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
    """The owner's id as S3 shows it: 64 hexadecimal digits, the same for the same account."""
    return hashlib.sha256(f"canonical user of {account}".encode()).hexdigest()


def owner_of(account: str) -> dict[str, str]:
    return {"ID": canonical_id(account), "DisplayName": account}


async def find_bucket(ctx: Context, bucket: str, expected_owner: str | None = None) -> Record:
    """Raises AwsError NoSuchBucket, or AccessDenied for another account's bucket."""
    record = await ctx.store.get(SYSTEM, BUCKET, bucket)
    if record is None:
        raise no_such_bucket(bucket)
    owner = record.value["Account"]
    if owner != ctx.account or (expected_owner is not None and expected_owner != owner):
        raise access_denied()
    return record


def is_versioned(bucket: Record) -> bool:
    return bool(bucket.value.get("VersioningConfiguration", {}).get("Status") == "Enabled")


def was_ever_versioned(bucket: Record) -> bool:
    return bool(bucket.value.get("VersioningConfiguration", {}).get("Status"))


def shown_version_id(bucket: Record, version_id: str) -> str | None:
    """Buckets that never had versions do not speak of them."""
    return version_id if was_ever_versioned(bucket) else None
