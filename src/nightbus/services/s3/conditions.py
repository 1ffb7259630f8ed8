"""Checks the conditional headers of a request (`If-Match` and the others) against the current version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nightbus.aws.errors import AwsError
from nightbus.services.s3.errors import no_such_key, precondition_failed
from nightbus.services.s3.records import ObjectVersion


def check_write(
    current: ObjectVersion | None, key: str, if_match: str | None, if_none_match: str | None
) -> None:
    """Raise AwsError PreconditionFailed, or NoSuchKey for an If-Match where there is no object."""
    existing = None if current is None or current.delete_marker else current
    if if_none_match is not None:
        if if_none_match != "*":
            text = "A header you provided implies functionality that is not implemented"
            raise AwsError("NotImplemented", text, 501, fields={"Header": "If-None-Match"})
        if existing is not None:
            raise precondition_failed("If-None-Match")
    if if_match is not None:
        if existing is None:
            raise no_such_key(key)
        if not _names(if_match, existing):
            raise precondition_failed("If-Match")


@dataclass(frozen=True, slots=True)
class ReadConditions:
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None

    def check(self, version: ObjectVersion) -> None:
        """Raise AwsError PreconditionFailed. An If-Match that holds takes precedence over an If-Unmodified-Since."""
        if self.if_match is not None:
            if not _names(self.if_match, version):
                raise precondition_failed("If-Match")
        elif self.if_unmodified_since is not None and version.last_modified > self.if_unmodified_since:
            raise precondition_failed("If-Unmodified-Since")

    def is_unchanged(self, version: ObjectVersion) -> bool:
        """Return whether the client already has this version, so that the reply is 304."""
        if self.if_none_match is not None:
            return _names(self.if_none_match, version)
        return self.if_modified_since is not None and version.last_modified <= self.if_modified_since

    def check_source(self, version: ObjectVersion) -> None:
        """Check the source of a copy, for which an unchanged version is a failed condition as well."""
        self.check(version)
        if self.is_unchanged(version):
            name = "If-None-Match" if self.if_none_match is not None else "If-Modified-Since"
            raise precondition_failed(f"x-amz-copy-source-{name}")


def _names(condition: str, version: ObjectVersion) -> bool:
    return any(tag.strip().strip('"') in ("*", version.etag) for tag in condition.split(","))
