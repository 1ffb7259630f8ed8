"""Says which versions are archived, and describes a restored copy in replies.

The bytes of an archived object lie where all others do, so a restore is done at once: its copy may be read until
midnight UTC after the days that the request names.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from nightbus.aws.errors import AwsError
from nightbus.services.s3.records import ObjectVersion

ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")


def storage_class(version: ObjectVersion) -> str:
    return version.headers.get("StorageClass", "STANDARD")


def is_archived(version: ObjectVersion) -> bool:
    return storage_class(version) in ARCHIVED


def check_readable(version: ObjectVersion, now: int) -> None:
    """Raise AwsError InvalidObjectState for an archived object without a restored copy at `now` (UTC ms)."""
    if is_archived(version) and version.restored_until <= now:
        text = "The operation is not valid for the object's storage class"
        raise AwsError("InvalidObjectState", text, 403, fields={"StorageClass": storage_class(version)})


def check_copyable(version: ObjectVersion, now: int) -> None:
    if is_archived(version) and version.restored_until <= now:
        text = "The source object of the COPY action is not in the active tier and is only stored in Amazon S3 Glacier."
        raise AwsError("ObjectNotInActiveTierError", text, 403)


def restore_header(version: ObjectVersion, now: int) -> str | None:
    """Return the header `x-amz-restore`; None without a restored copy."""
    if version.restored_until <= now:
        return None
    date = format_datetime(datetime.fromtimestamp(version.restored_until / 1000, UTC), usegmt=True)
    return f'ongoing-request="false", expiry-date="{date}"'
