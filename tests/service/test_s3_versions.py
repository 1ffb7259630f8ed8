"""Versions by boto3: kept, read, listed, marked as deleted, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"versions-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def switch(s3: Any, bucket: str, status: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def put(s3: Any, bucket: str, key: str, body: bytes) -> str:
    return str(s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"])


def test_every_version_stays(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    switch(s3, bucket, "Enabled")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    one, two = put(s3, bucket, "k", b"1"), put(s3, bucket, "k", b"2")
    for version, body in (("null", b"before"), (one, b"1"), (two, b"2")):
        got = s3.get_object(Bucket=bucket, Key="k", VersionId=version)
        assert (got["Body"].read(), got["VersionId"]) == (body, version)
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == two
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed] == [
        (two, True),
        (one, False),
        ("null", False),
    ]
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1
    missing = code_and_status(s3.get_object, Bucket=bucket, Key="k", VersionId="0" * 32)
    assert missing == ("NoSuchVersion", 404)


def test_a_delete_marker_hides_and_its_removal_brings_back(s3: Any, bucket: str) -> None:
    switch(s3, bucket, "Enabled")
    version = put(s3, bucket, "k", b"1")
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert gone["DeleteMarker"] is True
    code, status, _ = refusal(s3.get_object, Bucket=bucket, Key="k")
    assert (code, status) == ("NoSuchKey", 404)
    marker = gone["VersionId"]
    assert code_and_status(s3.get_object, Bucket=bucket, Key="k", VersionId=marker) == (
        "MethodNotAllowed",
        405,
    )
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["DeleteMarkers"]] == [(marker, True)]
    assert [(one["VersionId"], one["IsLatest"]) for one in listed["Versions"]] == [(version, False)]
    removed = s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    assert (removed["DeleteMarker"], removed["VersionId"]) == (True, marker)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"


def test_the_newest_that_is_left_becomes_current(s3: Any, bucket: str) -> None:
    switch(s3, bucket, "Enabled")
    versions = [put(s3, bucket, "k", str(number).encode()) for number in range(4)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=versions[2])
    s3.delete_object(Bucket=bucket, Key="k", VersionId=versions[3])
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == versions[1]
    for version in versions[:2]:
        s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def test_a_suspended_bucket_overwrites_only_the_null_version(s3: Any, bucket: str) -> None:
    switch(s3, bucket, "Enabled")
    kept = put(s3, bucket, "k", b"kept")
    switch(s3, bucket, "Suspended")
    assert put(s3, bucket, "k", b"null 1") == "null"
    assert put(s3, bucket, "k", b"null 2") == "null"
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [one["VersionId"] for one in listed] == ["null", kept]
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, "null")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [one["VersionId"] for one in listed["Versions"]] == [kept]


def test_pages_go_through_the_versions_of_a_key(s3: Any, bucket: str) -> None:
    switch(s3, bucket, "Enabled")
    expected = [("a", put(s3, bucket, "a", b"")) for _ in range(3)][::-1]
    expected += [("b/x", put(s3, bucket, "b/x", b"")), ("c", put(s3, bucket, "c", b""))]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    found = [(one["Key"], one["VersionId"]) for page in pages for one in page.get("Versions", [])]
    assert found == expected
    rolled = s3.list_object_versions(Bucket=bucket, Delimiter="/", MaxKeys=4)
    assert rolled["CommonPrefixes"] == [{"Prefix": "b/"}]
    assert rolled["IsTruncated"]
    rest = s3.list_object_versions(Bucket=bucket, Delimiter="/", KeyMarker=rolled["NextKeyMarker"])
    assert [one["Key"] for one in rest["Versions"]] == ["c"]


def test_a_bucket_with_versions_is_not_empty(s3: Any, bucket: str) -> None:
    switch(s3, bucket, "Enabled")
    put(s3, bucket, "k", b"")
    s3.delete_object(Bucket=bucket, Key="k")
    code, status, message = refusal(s3.delete_bucket, Bucket=bucket)
    assert (code, status) == ("BucketNotEmpty", 409)
    assert (
        message == "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
    )
    put(s3, bucket, "still", b"open")


def test_tags_belong_to_a_version(s3: Any, bucket: str) -> None:
    switch(s3, bucket, "Enabled")
    one, two = put(s3, bucket, "k", b"1"), put(s3, bucket, "k", b"2")
    tags = {"TagSet": [{"Key": "of", "Value": "one"}]}
    told = s3.put_object_tagging(Bucket=bucket, Key="k", VersionId=one, Tagging=tags)
    assert told["VersionId"] == one
    assert s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=one)["TagSet"] == tags["TagSet"]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["VersionId"] == two
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_an_old_version_is_copied_back(s3: Any, bucket: str) -> None:
    switch(s3, bucket, "Enabled")
    one = put(s3, bucket, "k", b"1")
    put(s3, bucket, "k", b"2")
    source = {"Bucket": bucket, "Key": "k", "VersionId": one}
    assert s3.copy_object(Bucket=bucket, Key="k", CopySource=source)["CopySourceVersionId"] == one
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
