"""Object Lock and archived storage classes, by boto3 against a running node."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notification_queue import Queue, refusal, to_queue

PROTECTED = "Access Denied because object protected by object lock."


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def locked(s3: Any) -> str:
    """A bucket with Object Lock."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    made = s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    assert made["BucketArn"] == s3.head_bucket(Bucket=name)["BucketArn"] == f"arn:aws:s3:::{name}"
    return name


def in_days(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def test_retention_keeps_a_version(s3: Any, locked: str) -> None:
    def deletion(**more: Any) -> dict[str, Any]:
        return refusal(s3.delete_object, Bucket=locked, Key="k", VersionId=version, **more)

    until = in_days(1)
    version = s3.put_object(
        Bucket=locked, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
    )["VersionId"]
    head = s3.head_object(Bucket=locked, Key="k")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", until)
    assert (deletion()["Code"], deletion()["Message"]) == ("AccessDenied", PROTECTED)
    reply = s3.delete_objects(
        Bucket=locked, Delete={"Objects": [{"Key": "k", "VersionId": version}, {"Key": "none"}]}
    )
    assert [one["Message"] for one in reply["Errors"]] == [PROTECTED]
    marker = s3.delete_object(Bucket=locked, Key="k")  # a delete marker deletes nothing
    assert marker["DeleteMarker"]
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": until - timedelta(hours=1)}
    error = refusal(s3.put_object_retention, Bucket=locked, Key="k", VersionId=version, Retention=shorter)
    assert error["Code"] == "AccessDenied"
    strict = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    s3.put_object_retention(
        Bucket=locked, Key="k", VersionId=version, Retention=strict, BypassGovernanceRetention=True
    )
    got = s3.get_object_retention(Bucket=locked, Key="k", VersionId=version)["Retention"]
    assert got == strict
    assert deletion(BypassGovernanceRetention=True)["Message"] == PROTECTED
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": until + timedelta(days=9)}
    error = refusal(
        s3.put_object_retention,
        Bucket=locked,
        Key="k",
        VersionId=version,
        Retention=weaker,
        BypassGovernanceRetention=True,
    )
    assert error["Message"] == PROTECTED


def test_governance_may_be_bypassed_and_a_legal_hold_may_not(s3: Any, locked: str) -> None:
    default = {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}},
    }
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=default)
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == default
    version = s3.put_object(Bucket=locked, Key="k", Body=b"1")["VersionId"]
    until = s3.get_object_retention(Bucket=locked, Key="k")["Retention"]["RetainUntilDate"]
    assert timedelta(days=1, hours=23) < until - datetime.now(UTC) < timedelta(days=2, minutes=1)
    assert (
        refusal(s3.get_object_legal_hold, Bucket=locked, Key="k")["Code"] == "NoSuchObjectLockConfiguration"
    )
    s3.put_object_legal_hold(Bucket=locked, Key="k", LegalHold={"Status": "ON"})
    assert s3.get_object(Bucket=locked, Key="k")["ObjectLockLegalHoldStatus"] == "ON"
    bypassing = {"Bucket": locked, "Key": "k", "VersionId": version, "BypassGovernanceRetention": True}
    assert refusal(s3.delete_object, **bypassing)["Message"] == PROTECTED
    s3.put_object_legal_hold(Bucket=locked, Key="k", LegalHold={"Status": "OFF"})
    s3.delete_object(**bypassing)
    assert s3.list_object_versions(Bucket=locked).get("Versions") is None


def test_what_object_lock_refuses(s3: Any, locked: str) -> None:
    plain = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=plain)
    assert refusal(s3.get_object_lock_configuration, Bucket=plain)["Code"] == (
        "ObjectLockConfigurationNotFoundError"
    )
    error = refusal(s3.put_object, Bucket=plain, Key="k", Body=b"", ObjectLockLegalHoldStatus="ON")
    assert (error["Code"], error["Message"]) == (
        "InvalidRequest",
        "Bucket is missing Object Lock Configuration",
    )
    enabled = {"ObjectLockEnabled": "Enabled"}
    error = refusal(s3.put_object_lock_configuration, Bucket=plain, ObjectLockConfiguration=enabled)
    assert error["Code"] == "InvalidBucketState"
    suspended = {"Status": "Suspended"}
    error = refusal(s3.put_bucket_versioning, Bucket=locked, VersioningConfiguration=suspended)
    assert error["Code"] == "InvalidBucketState"
    error = refusal(
        s3.put_object,
        Bucket=locked,
        Key="k",
        Body=b"",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=in_days(-1),
    )
    assert error["Message"] == "The retain until date must be in the future!"
    error = refusal(s3.put_object, Bucket=locked, Key="k", Body=b"", ObjectLockMode="GOVERNANCE")
    assert error["Message"].endswith("must both be supplied")


def test_an_archived_object_is_read_after_its_restore(
    s3: Any, client: Callable[..., Any], queue: Queue, bucket: str
) -> None:
    configuration = {"QueueConfigurations": [to_queue(queue, "s3:ObjectRestore:*")]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    s3.put_object(Bucket=bucket, Key="k", Body=b"cold", StorageClass="GLACIER")
    error = refusal(s3.get_object, Bucket=bucket, Key="k")
    assert (error["Code"], error["StorageClass"]) == ("InvalidObjectState", "GLACIER")
    source = {"Bucket": bucket, "Key": "k"}
    error = refusal(s3.copy_object, Bucket=bucket, Key="copy", CopySource=source)
    assert error["Code"] == "ObjectNotInActiveTierError"
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="k")
    for status in (202, 200):
        reply = s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 2})
        assert reply["ResponseMetadata"]["HTTPStatusCode"] == status
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"cold"
    assert got["Restore"].startswith('ongoing-request="false", expiry-date="')
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == "GLACIER"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert refusal(s3.restore_object, Bucket=bucket, Key="copy", RestoreRequest={"Days": 1})["Code"] == (
        "InvalidObjectState"
    )
    records = {one["eventName"]: one for one in queue.records(2)}
    assert set(records) == {"ObjectRestore:Post", "ObjectRestore:Completed"}
    data = records["ObjectRestore:Completed"]["glacierEventData"]["restoreEventData"]
    assert data["lifecycleRestoreStorageClass"] == "GLACIER"
    error = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", StorageClass="SNOW")
    assert error["Code"] == "InvalidStorageClass"


def test_a_stack_makes_a_bucket_with_object_lock(s3: Any, client: Callable[..., Any]) -> None:
    name = f"o-{uuid.uuid4().hex[:10]}"
    properties = {
        "BucketName": name,
        "ObjectLockEnabled": True,
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": "3"}},
        },
    }
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
    stacks = client("cloudformation")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    rule = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]["Rule"]
    assert rule == {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(client: Callable[..., Any], bucket: str) -> Queue:
    return Queue(client("sqs"), bucket)
