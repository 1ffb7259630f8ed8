"""Puts log files into the bucket of a trail, as `cloudtrail.amazonaws.com`, which the bucket's policy has to admit.

Where the trail has a topic, a message about each file follows it. That a topic takes none does not hold back files.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_physical_suffix
from nightbus.keys.uses import KeyUser, data_key_source
from nightbus.services.cloudtrail.notices import announce
from nightbus.services.cloudtrail.records import PRINCIPAL, folder_of, trail_arn
from nightbus.services.cloudtrail.selectors import is_wanted
from nightbus.services.cloudtrail.unread_records import unread_records
from nightbus.services.context import Platform
from nightbus.store.interface import Entry

log = logging.getLogger("nightbus.cloudtrail")


async def deliver_files(
    platform: Platform, scope: Scope, value: Mapping[str, Any], regions: Sequence[str]
) -> dict[str, Any]:
    """Put the files of what was recorded since the last ones; return what changes in the trail's value."""
    positions = dict(value["positions"])
    files = {region: list(those) for region, those in value.get("files", {}).items()}
    changes: dict[str, Any] = {}
    for region in regions:
        async for entries in unread_records(platform, scope.account, region, positions, value["started"]):
            records = await asyncio.to_thread(_wanted, entries, value)
            if records:
                try:
                    file = await _put_file(platform, scope, value, region, records, entries[-1])
                except AwsError as error:
                    changes["error"] = error.code
                    log.warning("no log file of trail %s is delivered: %s", value["name"], error)
                    break
                changes |= {"error": "", "delivered": platform.clock.now_ms()}
                changes |= await announce(platform, scope, value, file["key"])
                if value.get("validation"):
                    files.setdefault(region, []).append(file)
            positions[region] = entries[-1].offset
    if positions != value["positions"]:
        changes |= {"positions": positions, "files": files}
    return changes


def _wanted(entries: Sequence[Entry], value: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for entry in entries if is_wanted(one := orjson.loads(entry.data), value)]


async def put_object(
    platform: Platform,
    scope: Scope,
    value: Mapping[str, Any],
    key: str,
    body: bytes,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Put an object into the trail's bucket: a log file or a digest, which has `metadata`. Raises AwsError.

    Log files are encrypted by the trail's key, whose policy has to admit CloudTrail, and digests by S3's own.
    """
    caller = Caller.for_service(scope.account, PRINCIPAL, trail_arn(scope, value["name"]))
    call = Call(scope, caller, platform.endpoint)
    request: dict[str, Any] = {
        "Bucket": value["bucket"],
        "Key": key,
        "Body": body,
        "ACL": "bucket-owner-full-control",
    }
    if body:
        request |= {"ContentType": "application/json", "ContentEncoding": "gzip"}
    if metadata is not None:
        request["Metadata"] = metadata
    elif value.get("kms"):
        context = {"aws:cloudtrail:arn": caller.source_arn}
        user = KeyUser(caller, "s3", ("kms:GenerateDataKey",), context)
        await data_key_source(platform.keys, scope, value["kms"], user)
        request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": value["kms"]}
    await platform.operations.call("s3", "PutObject", request, call)


async def _put_file(
    platform: Platform,
    scope: Scope,
    value: Mapping[str, Any],
    region: str,
    records: list[dict[str, Any]],
    last: Entry,
) -> dict[str, Any]:
    """Return the file as a digest has it: its `hash` is of the text before it was compressed."""
    time = datetime.fromtimestamp(last.time / 1000, UTC)
    name = f"{scope.account}_CloudTrail_{region}_{time:%Y%m%dT%H%MZ}_{new_physical_suffix(16)}.json.gz"
    key = f"{folder_of(scope, value)}/{region}/{time:%Y/%m/%d}/{name}"
    body, digest = await asyncio.to_thread(_packed, records)
    await put_object(platform, scope, value, key, body)
    times = [one["eventTime"] for one in records]
    return {
        "key": key,
        "bucket": value["bucket"],
        "hash": digest,
        "newest": max(times),
        "oldest": min(times),
    }


def _packed(records: list[dict[str, Any]]) -> tuple[bytes, str]:
    """Return the compressed file, and the hash of its text. For 5,000 records it takes some 200 ms."""
    text = orjson.dumps({"Records": records})
    return gzip.compress(text), hashlib.sha256(text).hexdigest()
