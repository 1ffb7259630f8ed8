"""Delivers the records of trails as log files to their buckets, twice a minute, on one node at a time.

A file is put as `cloudtrail.amazonaws.com` on behalf of the trail, which the bucket's policy has to admit. After that a
commit moves the trail's position, so that a crash in between repeats a file and loses none. A trail whose bucket takes
nothing is tried again each time, from where it stands, and its status says why.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_physical_suffix
from nightbus.identity.audit import TRAIL
from nightbus.services.cloudtrail.records import TRAIL_RECORD, trail_arn
from nightbus.services.cloudtrail.selectors import is_selected
from nightbus.services.context import Platform
from nightbus.store.interface import Conflict, Entry, PutRecord, Record
from nightbus.store.upkeep import one_of_many

log = logging.getLogger("nightbus.cloudtrail")
_EVERY_SECONDS = 30.0
_MOST_RECORDS = 5000  # in one file
PRINCIPAL = "cloudtrail.amazonaws.com"
_GLOBAL = ("iam.amazonaws.com", "sts.amazonaws.com")


async def deliver_log_files(platform: Platform) -> None:
    """A duty of one node."""
    while True:
        for scope in await platform.store.scopes(TRAIL_RECORD):
            for record in await platform.store.list(scope, TRAIL_RECORD):
                if record.value["logging"]:
                    with one_of_many("delivering trail", record.key):
                        await deliver(platform, scope, record)
        await platform.clock.sleep(_EVERY_SECONDS)


async def deliver(platform: Platform, scope: Scope, record: Record) -> None:
    """Deliver what the trail has not delivered yet."""
    value = record.value
    positions = dict(value["positions"])
    changes: dict[str, Any] = {}
    if platform.trail is not None:
        await platform.trail.written()
    for region in await _regions(platform, scope, value):
        source = Scope(scope.account, region)
        while entries := await platform.store.read(
            source, TRAIL, after=positions.get(region, 0), since=value["started"], limit=_MOST_RECORDS
        ):
            records = [one for entry in entries if _is_wanted(one := orjson.loads(entry.data), value)]
            if records:
                try:
                    await _put_file(platform, scope, value, region, records, entries[-1])
                except AwsError as error:
                    changes = {"error": error.code, "positions": positions}
                    log.warning("no log file of trail %s is delivered: %s", record.key, error)
                    break
                changes = {"error": "", "delivered": platform.clock.now_ms()}
            positions[region] = entries[-1].offset
    if changes or positions != value["positions"]:
        new = {**value, "positions": positions, **changes}
        try:
            await platform.store.commit(
                PutRecord(scope, TRAIL_RECORD, record.key, new, expect=record.revision)
            )
        except Conflict:  # it was changed meanwhile: the files come again, to where it is to deliver now
            return


async def check_bucket(platform: Platform, scope: Scope, value: Mapping[str, Any]) -> None:
    """Raise AwsError unless the trail may write to its bucket. As on AWS, that leaves an empty object in it."""
    bucket = value["bucket"]
    try:
        await _put(platform, scope, value, f"{_folder(scope, value)}/", b"")
    except AwsError as error:
        if error.code == "NoSuchBucket" or not await _exists(platform, scope, bucket):
            text = f"S3 bucket {bucket} does not exist!"
            raise AwsError("S3BucketDoesNotExistException", text) from error
        if error.code == "AccessDenied":
            text = f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
            raise AwsError("InsufficientS3BucketPolicyException", text) from error
        raise


async def _exists(platform: Platform, scope: Scope, bucket: str) -> bool:
    """Whoever may not read a bucket is refused alike whether it exists or not; the trail's owner is told."""
    call = Call(scope, Caller.root(scope.account), platform.endpoint, trusted=True)
    try:
        await platform.operations.call("s3", "HeadBucket", {"Bucket": bucket}, call)
    except AwsError as error:
        return error.status != 404
    return True


def _is_wanted(record: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Log files that CloudTrail puts itself are not recorded in log files, which would never end."""
    if record["userIdentity"].get("invokedBy") == PRINCIPAL:
        return False
    if not value["global"] and record["eventSource"] in _GLOBAL:
        return False
    return is_selected(record, value["selectors"])


async def _regions(platform: Platform, scope: Scope, value: Mapping[str, Any]) -> list[str]:
    if not value["multi"]:
        return [scope.region]
    scopes = [one for one in await platform.store.log_scopes() if one.account == scope.account]
    return [one.region for one in scopes if TRAIL in await platform.store.logs(one, TRAIL)]


async def _put_file(
    platform: Platform,
    scope: Scope,
    value: Mapping[str, Any],
    region: str,
    records: list[dict[str, Any]],
    last: Entry,
) -> None:
    time = datetime.fromtimestamp(last.time / 1000, UTC)
    name = f"{scope.account}_CloudTrail_{region}_{time:%Y%m%dT%H%MZ}_{new_physical_suffix(16)}.json.gz"
    key = f"{_folder(scope, value)}/{region}/{time:%Y/%m/%d}/{name}"
    await _put(platform, scope, value, key, gzip.compress(orjson.dumps({"Records": records})))


def _folder(scope: Scope, value: Mapping[str, Any]) -> str:
    prefix = f"{value['prefix']}/" if value["prefix"] else ""
    return f"{prefix}AWSLogs/{scope.account}/CloudTrail"


async def _put(platform: Platform, scope: Scope, value: Mapping[str, Any], key: str, body: bytes) -> None:
    caller = Caller.for_service(scope.account, PRINCIPAL, trail_arn(scope, value["name"]))
    call = Call(scope, caller, platform.endpoint)
    request = {"Bucket": value["bucket"], "Key": key, "Body": body, "ACL": "bucket-owner-full-control"}
    if body:
        request |= {"ContentType": "application/json", "ContentEncoding": "gzip"}
    await platform.operations.call("s3", "PutObject", request, call)
