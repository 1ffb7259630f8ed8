"""May this request go on, given the object as it is? `If-Match` and its relatives."""

from __future__ import annotations

from datetime import datetime

from nightbus.aws.errors import AwsError
from nightbus.services.s3.errors import no_such_key, precondition_failed
from nightbus.services.s3.records import Version

_NOT_MODIFIED = 304


def check_write(current: Version | None, key: str, if_match: str | None, if_none_match: str | None) -> None:
    """Raises AwsError PreconditionFailed, or NoSuchKey for an If-Match on nothing."""
    standing = None if current is None or current.delete_marker else current
    if if_none_match is not None:
        if if_none_match != "*":
            text = "A header you provided implies functionality that is not implemented"
            raise AwsError("NotImplemented", text, 501, fields={"Header": "If-None-Match"})
        if standing is not None:
            raise precondition_failed("If-None-Match")
    if if_match is not None:
        if standing is None:
            raise no_such_key(key)
        if not _same(if_match, standing):
            raise precondition_failed("If-Match")


def check_read(
    version: Version,
    if_match: str | None,
    if_none_match: str | None,
    if_modified_since: datetime | None,
    if_unmodified_since: datetime | None,
) -> None:
    """Raises AwsError PreconditionFailed (412) or NotModified (304)."""
    if if_match is not None:
        if not _same(if_match, version):
            raise precondition_failed("If-Match")
    elif if_unmodified_since is not None and version.last_modified > if_unmodified_since:
        raise precondition_failed("If-Unmodified-Since")
    if if_none_match is not None:
        if _same(if_none_match, version):
            raise _not_modified(version)
    elif if_modified_since is not None and version.last_modified <= if_modified_since:
        raise _not_modified(version)


def _same(condition: str, version: Version) -> bool:
    return any(tag.strip().strip('"') in ("*", version.etag) for tag in condition.split(","))


def _not_modified(version: Version) -> AwsError:
    return AwsError("NotModified", "Not Modified", _NOT_MODIFIED, fields={"ETag": version.quoted_etag})
