"""Lifecycle configurations by boto3: what is kept, what is refused, and what replies say of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notification_queue import refusal


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def put(s3: Any, bucket: str, *rules: dict[str, Any]) -> Any:
    whole = [{"Status": "Enabled", "Filter": {"Prefix": ""}, **rule} for rule in rules]
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": whole})


def test_a_configuration_is_kept_and_deleted(s3: Any, bucket: str) -> None:
    date = datetime(2031, 1, 1, tzinfo=UTC)
    put(
        s3,
        bucket,
        {"ID": "a", "Expiration": {"Date": date}},
        {"Transitions": [{"Days": 5, "StorageClass": "GLACIER"}]},
    )
    kept = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert kept["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    first, second = kept["Rules"]
    assert (first["ID"], first["Expiration"]["Date"]) == ("a", date)
    assert second["ID"] and second["Transitions"] == [{"Days": 5, "StorageClass": "GLACIER"}]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    error = refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    assert error["Code"] == "NoSuchLifecycleConfiguration"


def test_replies_say_when_an_object_expires(s3: Any, bucket: str) -> None:
    put(s3, bucket, {"ID": "old logs", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}})
    expiration = s3.put_object(Bucket=bucket, Key="logs/a", Body=b"")["Expiration"]
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=4)
    assert expiration == f'expiry-date="{midnight:%a, %d %b %Y} 00:00:00 GMT", rule-id="old%20logs"'
    assert s3.head_object(Bucket=bucket, Key="logs/a")["Expiration"] == expiration
    assert s3.get_object(Bucket=bucket, Key="logs/a")["Expiration"] == expiration
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="other", Body=b"")


def test_the_longest_period_ends_with_the_last_date(s3: Any, bucket: str) -> None:
    put(s3, bucket, {"ID": "r", "Expiration": {"Days": 2_147_483_647}})
    expiration = s3.put_object(Bucket=bucket, Key="k", Body=b"", StorageClass="GLACIER")["Expiration"]
    assert "31 Dec 9999" in expiration
    s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 2_147_483_647})
    assert "31 Dec 9999" in s3.head_object(Bucket=bucket, Key="k")["Restore"]


def test_what_s3_refuses_is_refused_with_its_text(s3: Any, bucket: str) -> None:
    days = {"Expiration": {"Days": 1}}
    tag = {"Filter": {"Tag": {"Key": "a", "Value": "b"}}}
    refused: list[tuple[list[dict[str, Any]], str, str]] = [
        ([{}], "InvalidRequest", "At least one action needs to be specified in a rule"),
        (
            [days, {**days, "ID": "x" * 256}],
            "InvalidArgument",
            "ID length should not exceed allowed limit of 255",
        ),
        ([{**days, "ID": "x"}] * 2, "InvalidArgument", "Rule ID must be unique."),
        ([{"Expiration": {"Days": 0}}], "InvalidArgument", "'Days' for Expiration action must be a positive"),
        (
            [{"Expiration": {"Date": datetime(2030, 1, 1, 5, tzinfo=UTC)}}],
            "InvalidArgument",
            "'Date' must be at",
        ),
        ([{**days, "Prefix": "p"}], "MalformedXML", ""),
        ([{**days, "Filter": {"And": {"Prefix": "p"}}}], "MalformedXML", ""),
        (
            [{**tag, "Expiration": {"ExpiredObjectDeleteMarker": True}}],
            "InvalidRequest",
            "ExpiredObjectDeleteMarker",
        ),
        (
            [{**tag, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}],
            "InvalidRequest",
            "AbortIncomplete",
        ),
        (
            [{"Transitions": [{"Days": 29, "StorageClass": "STANDARD_IA"}]}],
            "InvalidArgument",
            "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'",
        ),
        (
            [{"Expiration": {"Days": 9}, "Transitions": [{"Days": 9, "StorageClass": "GLACIER"}]}],
            "InvalidArgument",
            "'Days' in the Expiration action for filter '(prefix=)' must be greater than 'Days' in the Transition",
        ),
    ]
    for rules, code, message in refused:
        error = _refused(s3, bucket, rules)
        assert error["Code"] == code and error["Message"].startswith(message), rules


def _refused(s3: Any, bucket: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    whole = [{"Status": "Enabled", "Filter": {"Prefix": ""}, **rule} for rule in rules]
    return refusal(
        s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": whole}
    )


def test_a_stack_makes_the_bucket_of_cdk_bootstrap(s3: Any, client: Callable[..., Any]) -> None:
    name = f"l-{uuid.uuid4().hex[:10]}"
    properties = {
        "BucketName": name,
        "AccessControl": "Private",
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": {"Ref": "AWS::NoValue"},
                    }
                }
            ]
        },
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "IgnorePublicAcls": True},
        "CorsConfiguration": {
            "CorsRules": [
                {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 5, "ExposedHeaders": ["x"]}
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "CleanupOldVersions",
                    "Status": "Enabled",
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                },
                {
                    "Id": "AbortIncompleteMultipartUploads",
                    "Status": "Enabled",
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                },
                {
                    "Id": "logs",
                    "Status": "Enabled",
                    "Prefix": "logs/",
                    "TagFilters": [{"Key": "a", "Value": "b"}],
                    "ExpirationInDays": "90",
                    "Transitions": [{"StorageClass": "Glacier", "TransitionInDays": 30}],
                },
            ]
        },
    }
    template: dict[str, Any] = {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}
    }
    stacks = client("cloudformation")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
    assert rules["CleanupOldVersions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["logs"]["Filter"] == {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}]}}
    assert rules["logs"]["Expiration"] == {"Days": 90}
    assert rules["logs"]["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER"}]
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["MaxAgeSeconds"] == 5
    del properties["LifecycleConfiguration"], properties["CorsConfiguration"]
    stacks.update_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert refusal(s3.get_bucket_cors, Bucket=name)["Code"] == "NoSuchCORSConfiguration"
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
