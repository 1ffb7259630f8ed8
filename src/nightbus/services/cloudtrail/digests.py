"""Delivers digest files, with which `aws cloudtrail validate-logs` finds out that log files were changed or deleted.

A digest lists the log files of an hour with their hashes, and names the digest before it with its signature. Its own
signature is in the metadata of its object. The chain begins anew when logging or the validation of log files begins,
and ends, with a digest of less than an hour, when one of them is turned off. It goes on when the clock is set back: the
next digest follows at once, and until the clock is where it was, each one ends a second after the one before.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudtrail.log_files import put_object
from nightbus.services.cloudtrail.records import folder_of
from nightbus.services.cloudtrail.signing_keys import ALGORITHM, SigningKey, signing_key
from nightbus.services.context import Platform
from nightbus.store.vault import VaultClosed

log = logging.getLogger("nightbus.cloudtrail")
_EVERY_MS = 3_600_000
_HASH = "SHA-256"


async def deliver_digests(
    platform: Platform, scope: Scope, value: Mapping[str, Any], regions: Sequence[str], *, ends: bool
) -> dict[str, Any]:
    """Put the digests that are due, all with `ends`; return what changes in the trail's value."""
    if not value.get("validation"):
        return {}
    digests, files = dict(value.get("digests", {})), dict(value.get("files", {}))
    changes: dict[str, Any] = {}
    now = platform.clock.now_ms()
    for region in regions:
        last = digests.get(region, {})
        start = max(last.get("end", 0), value["chain"] // 1000 * 1000)
        at = last.get("at", last["end"] if "key" in last else value["chain"])
        if not ends and 0 <= now - at < _EVERY_MS:
            continue
        end = max(now // 1000 * 1000, start + 1000)  # whole seconds, and each digest has a name of its own
        try:
            key = await signing_key(platform)
            text = digest(scope, value, region, (start, end), key.fingerprint)
            signature = await _put(platform, scope, value, text, key)
        except (AwsError, VaultClosed) as error:
            changes["digest_error"] = error.code if isinstance(error, AwsError) else "KeyUnavailable"
            log.warning("no digest file of trail %s is delivered: %s", value["name"], error)
            continue
        changes |= {"digest_error": "", "digest_delivered": now}
        digests[region] = {
            "end": end,
            "at": now,
            "bucket": value["bucket"],
            "key": text["digestS3Object"],
            "hash": hashlib.sha256(orjson.dumps(text)).hexdigest(),
            "signature": signature,
        }
        files.pop(region, None)
    if "digest_delivered" in changes:
        changes |= {"digests": digests, "files": files}
    return changes


def digest(
    scope: Scope, value: Mapping[str, Any], region: str, span: tuple[int, int], fingerprint: str
) -> dict[str, Any]:
    """Return the digest of the log files that wait for it. `span` is its beginning and its end, UTC ms."""
    start, end = (datetime.fromtimestamp(time / 1000, UTC) for time in span)
    last = value.get("digests", {}).get(region, {})
    files = value.get("files", {}).get(region, [])
    name = f"{scope.account}_CloudTrail-Digest_{region}_{value['name']}_{scope.region}_{end:%Y%m%dT%H%M%SZ}"
    folder = f"{folder_of(scope, value)}-Digest/{region}/{end:%Y/%m/%d}"
    is_first = "key" not in last
    return {
        "awsAccountId": scope.account,
        "digestStartTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "digestS3Bucket": value["bucket"],
        "digestS3Object": f"{folder}/{name}.json.gz",
        "digestPublicKeyFingerprint": fingerprint,
        "digestSignatureAlgorithm": ALGORITHM,
        "newestEventTime": max((one["newest"] for one in files), default=None),
        "oldestEventTime": min((one["oldest"] for one in files), default=None),
        "previousDigestS3Bucket": None if is_first else last["bucket"],
        "previousDigestS3Object": None if is_first else last["key"],
        "previousDigestHashValue": None if is_first else last["hash"],
        "previousDigestHashAlgorithm": None if is_first else _HASH,
        "previousDigestSignature": None if is_first else last["signature"],
        "logFiles": [
            {
                "s3Bucket": one["bucket"],
                "s3Object": one["key"],
                "hashValue": one["hash"],
                "hashAlgorithm": _HASH,
                "newestEventTime": one["newest"],
                "oldestEventTime": one["oldest"],
            }
            for one in files
        ],
    }


def text_to_sign(text: Mapping[str, Any]) -> bytes:
    """Return what the signature of a digest signs.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
    """
    place = f"{text['digestS3Bucket']}/{text['digestS3Object']}"
    content = hashlib.sha256(orjson.dumps(text)).hexdigest()
    previous = text["previousDigestSignature"] or "null"
    return f"{text['digestEndTime']}\n{place}\n{content}\n{previous}".encode()


async def _put(
    platform: Platform, scope: Scope, value: Mapping[str, Any], text: Mapping[str, Any], key: SigningKey
) -> str:
    """Put a digest file; return its signature, in hexadecimal digits."""
    signature = await key.sign(text_to_sign(text))
    metadata = {"signature": signature, "signature-algorithm": ALGORITHM}
    body = gzip.compress(orjson.dumps(text))
    await put_object(platform, scope, value, text["digestS3Object"], body, metadata)
    return signature


def begun_anew(value: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return what changes in a trail's value when a new chain of digests begins. `now` is UTC ms."""
    ended = {region: {"end": one["end"]} for region, one in value.get("digests", {}).items()}
    return {"chain": now, "files": {}, "digests": ended}
