"""Compares the time that a request was signed at with the node's: clock skew, and the lifetime of links.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html (texts) and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeTooSkewed).
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.gateway.signatures.errors import Dialect, wrong_scope

_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_STAMP_LENGTH = 16
_FORM = "%Y%m%dT%H%M%SZ"
_SKEW = timedelta(minutes=5)
_S3_SKEW = timedelta(minutes=15)
_DEFAULT_LIFETIME = 900  # seconds; of links to services other than S3
_LONGEST_LIFETIME = 7 * 24 * 3600


def iso_basic(text: str) -> datetime | None:
    """Return the moment of a text such as 20260101T120000Z, None for any other text."""
    return _moment(text) if len(text) == _STAMP_LENGTH else None


@functools.lru_cache(maxsize=256)
def _moment(text: str) -> datetime | None:
    if _STAMP.fullmatch(text) is None:
        return None
    try:
        return datetime(
            int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[9:11]), int(text[11:13]), int(text[13:15]), 0, UTC
        )  # fmt: skip
    except ValueError:
        return None


def stamp_of_http_date(text: str) -> str | None:
    """Return the basic format of a moment in HTTP's format, such as `Mon, 09 Sep 2011 23:36:00 GMT`."""
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return moment.strftime(_FORM) if moment.year >= 1000 else None


def check_skew(timestamp: str, now_ms: int, dialect: Dialect) -> None:
    """Raise AwsError for a request that was signed too long ago, or in the future. `now_ms` is UTC ms."""
    signed = iso_basic(timestamp)
    allowed = _S3_SKEW if dialect is Dialect.S3 else _SKEW
    if signed is not None and abs(now_ms // 1000 - signed.timestamp()) <= allowed.total_seconds():
        return
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    if dialect is Dialect.S3 or signed is None:
        fields = {
            "RequestTime": timestamp,
            "ServerTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "MaxAllowedSkewMilliseconds": str(int(_S3_SKEW.total_seconds() * 1000)),
        }
        text = "The difference between the request time and the current time is too large."
        raise AwsError("RequestTimeTooSkewed", text, 403, fields=fields)
    _check_future(signed, now, dialect)
    raise _expired(timestamp, now - allowed, now, f"{int(allowed.total_seconds()) // 60} min.", dialect)


def check_link(timestamp: str, expires: str | None, now_ms: int, dialect: Dialect) -> None:
    """Raise AwsError for a link of a service other than S3 that is over, or not valid yet. `expires` is in seconds."""
    signed, now = iso_basic(timestamp), datetime.fromtimestamp(now_ms // 1000, UTC)
    seconds = whole_number(expires) if expires is not None else _DEFAULT_LIFETIME
    if signed is None or seconds is None or not 0 < seconds <= _LONGEST_LIFETIME:
        text = f"X-Amz-Expires must be between 1 and {_LONGEST_LIFETIME}, got '{str(expires)[:40]}'"
        raise wrong_scope(dialect, text)
    _check_future(signed, now, dialect)
    lifetime = timedelta(seconds=seconds)
    if now - signed > lifetime:
        raise _expired(timestamp, now - lifetime, now, f"{seconds} sec.", dialect)


def check_not_early(timestamp: str, now_ms: int) -> None:
    """Raise AwsError for a link of S3 that is not valid yet."""
    signed, now = iso_basic(timestamp), datetime.fromtimestamp(now_ms // 1000, UTC)
    if signed is None or signed - now > _S3_SKEW:
        raise AwsError("AccessDenied", "Request is not valid yet", 403)


def _check_future(signed: datetime, now: datetime, dialect: Dialect) -> None:
    if signed - now > _SKEW:
        text = f"Signature not yet current: {signed.strftime(_FORM)} is still later than"
        text += f" {(now + _SKEW).strftime(_FORM)} ({now.strftime(_FORM)} + 5 min.)"
        raise wrong_scope(dialect, text)


def _expired(timestamp: str, earliest: datetime, now: datetime, span: str, dialect: Dialect) -> AwsError:
    text = f"Signature expired: {timestamp} is now earlier than {earliest.strftime(_FORM)}"
    return wrong_scope(dialect, f"{text} ({now.strftime(_FORM)} - {span})")
