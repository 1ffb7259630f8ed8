"""Objects by boto3: written, read, copied, deleted, with conditions, ranges and checksums."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal

Client = Callable[..., Any]


@pytest.fixture
def s3(client: Client) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"objects-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def test_what_is_put_comes_back(s3: Any, bucket: str) -> None:
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    put = s3.put_object(
        Bucket=bucket,
        Key="a folder/ünïcode & more.txt",
        Body=b"hello",
        ContentType="text/plain",
        CacheControl="max-age=60",
        ContentDisposition="attachment",
        ContentEncoding="identity",
        ContentLanguage="en",
        Expires=expires,
        Metadata={"Customer": "42"},
        Tagging="team=shop&cost=low",
    )
    assert put["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert put["ServerSideEncryption"] == "AES256"
    assert "VersionId" not in put
    got = s3.get_object(Bucket=bucket, Key="a folder/ünïcode & more.txt", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello"
    assert (got["ContentLength"], got["ContentType"], got["Metadata"]) == (
        5,
        "text/plain",
        {"customer": "42"},
    )
    assert (got["CacheControl"], got["ContentDisposition"]) == ("max-age=60", "attachment")
    assert (got["ContentLanguage"], got["ContentEncoding"]) == ("en", "identity")
    assert got["Expires"] == expires
    assert got["TagCount"] == 2
    assert got["ChecksumCRC32"] == base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    headed = s3.head_object(Bucket=bucket, Key="a folder/ünïcode & more.txt")
    assert (headed["ContentLength"], headed["ETag"]) == (5, put["ETag"])
    assert "ChecksumCRC32" not in headed


def test_a_large_object_keeps_every_byte(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * 12_000
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_given_are_kept_and_told_when_asked_for(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="sum", Body=b"123456789", ChecksumAlgorithm=algorithm)
    member = f"Checksum{algorithm}"
    got = s3.get_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
    assert got[member] == put[member]
    known = s3.get_object_attributes(
        Bucket=bucket, Key="sum", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"]
    )
    assert known["Checksum"] == {member: put[member], "ChecksumType": "FULL_OBJECT"}
    assert (known["ObjectSize"], known["StorageClass"]) == (9, "STANDARD")
    assert known["ETag"] == hashlib.md5(b"123456789").hexdigest()


def test_a_wrong_checksum_leaves_nothing_behind(s3: Any, bucket: str) -> None:
    wrong = base64.b64encode(bytes(16)).decode()
    assert code_and_status(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5=wrong) == (
        "BadDigest",
        400,
    )
    told = code_and_status(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ChecksumCRC32="AAAAAA==")
    assert told == ("BadDigest", 400)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_errors_name_what_is_missing(s3: Any, bucket: str) -> None:
    missing = refusal(s3.get_object, Bucket=bucket, Key="none")
    assert missing == ("NoSuchKey", 404, "The specified key does not exist.")
    nowhere = refusal(s3.get_object, Bucket=f"{bucket}-none", Key="none")
    assert nowhere == ("NoSuchBucket", 404, "The specified bucket does not exist")
    assert code_and_status(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    too_long = code_and_status(s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"")
    assert too_long == ("KeyTooLongError", 400)
    told = code_and_status(s3.put_object, Bucket=bucket, Key="k", Body=b"", Metadata={"long": "v" * 2100})
    assert told == ("MetadataTooLarge", 400)


def test_what_is_not_supported_is_refused_by_name(s3: Any, bucket: str) -> None:
    code, status, message = refusal(
        s3.put_object, Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms:dsse"
    )
    assert (code, status) == ("NotImplementedException", 501)
    assert "ServerSideEncryption aws:kms:dsse" in message
    acl = code_and_status(s3.put_object, Bucket=bucket, Key="k", Body=b"", ACL="public-read")
    assert acl == ("AccessControlListNotSupported", 400)
    _, _, message = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", ObjectLockLegalHoldStatus="ON")
    assert message == "Bucket is missing Object Lock Configuration"


def test_ranges(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="r", Body=b"0123456789")
    for header, body, shown in [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ]:
        got = s3.get_object(Bucket=bucket, Key="r", Range=header)
        assert got["Body"].read() == body
        assert got["ContentRange"] == shown
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentLength"] == len(body)
    whole = s3.get_object(Bucket=bucket, Key="r", Range="bytes=4-2")
    assert (whole["Body"].read(), whole["ResponseMetadata"]["HTTPStatusCode"]) == (b"0123456789", 200)
    assert code_and_status(s3.get_object, Bucket=bucket, Key="r", Range="bytes=10-") == ("InvalidRange", 416)


def test_conditions_of_readers(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="c", Body=b"1")["ETag"]
    at = {"Bucket": bucket, "Key": "c"}
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert s3.get_object(**at, IfMatch=etag)["Body"].read() == b"1"
    assert code_and_status(s3.get_object, **at, IfMatch='"other"') == ("PreconditionFailed", 412)
    assert code_and_status(s3.get_object, **at, IfNoneMatch=etag) == ("304", 304)
    assert code_and_status(s3.head_object, **at, IfNoneMatch=etag) == ("304", 304)
    assert code_and_status(s3.get_object, **at, IfModifiedSince=now + hour) == ("304", 304)
    assert code_and_status(s3.get_object, **at, IfUnmodifiedSince=now - hour) == ("PreconditionFailed", 412)
    assert s3.get_object(**at, IfMatch=etag, IfUnmodifiedSince=now - hour)["ETag"] == etag


def test_conditions_of_writers(s3: Any, bucket: str) -> None:
    at = {"Bucket": bucket, "Key": "once"}
    etag = s3.put_object(**at, Body=b"first", IfNoneMatch="*")["ETag"]
    assert code_and_status(s3.put_object, **at, Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code_and_status(s3.put_object, **at, Body=b"2", IfMatch='"x"') == ("PreconditionFailed", 412)
    s3.put_object(**at, Body=b"second", IfMatch=etag)
    assert s3.get_object(**at)["Body"].read() == b"second"
    missing = code_and_status(s3.put_object, Bucket=bucket, Key="none", Body=b"", IfMatch=etag)
    assert missing == ("NoSuchKey", 404)
    assert code_and_status(s3.delete_object, **at, IfMatch=etag) == ("PreconditionFailed", 412)


def test_copies(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="von/über",
        Body=b"data",
        Metadata={"a": "1"},
        ContentType="text/csv",
        Tagging="t=1",
    )
    source = {"Bucket": bucket, "Key": "von/über"}
    copied = s3.copy_object(Bucket=bucket, Key="nach", CopySource=source)["CopyObjectResult"]
    assert copied["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="nach")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"data", {"a": "1"}, "text/csv")
    assert s3.get_object_tagging(Bucket=bucket, Key="nach")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(
        Bucket=bucket,
        Key="nach",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        TaggingDirective="REPLACE",
        Tagging="u=2",
    )
    got = s3.get_object(Bucket=bucket, Key="nach")
    assert (got["Metadata"], got["ContentType"]) == ({"b": "2"}, "binary/octet-stream")
    assert s3.get_object_tagging(Bucket=bucket, Key="nach")["TagSet"] == [{"Key": "u", "Value": "2"}]
    s3.delete_object(**source)
    assert s3.get_object(Bucket=bucket, Key="nach")["Body"].read() == b"data"
    onto_itself = {"Bucket": bucket, "Key": "nach"}
    assert code_and_status(s3.copy_object, **onto_itself, CopySource=onto_itself) == ("InvalidRequest", 400)
    s3.copy_object(**onto_itself, CopySource=onto_itself, MetadataDirective="REPLACE", Metadata={"c": "3"})
    assert s3.head_object(**onto_itself)["Metadata"] == {"c": "3"}
    failed = code_and_status(
        s3.copy_object, Bucket=bucket, Key="x", CopySource=onto_itself, CopySourceIfMatch='"other"'
    )
    assert failed == ("PreconditionFailed", 412)


def test_many_are_deleted_at_once(s3: Any, bucket: str) -> None:
    for key in ("a", "b", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "none"}]})
    assert [one["Key"] for one in told["Deleted"]] == ["a", "none"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["c"]
    s3.delete_object(Bucket=bucket, Key="never-there")


def test_tags(s3: Any, bucket: str) -> None:
    at = {"Bucket": bucket, "Key": "tagged"}
    s3.put_object(**at, Body=b"")
    assert s3.get_object_tagging(**at)["TagSet"] == []
    s3.put_object_tagging(**at, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert s3.get_object_tagging(**at)["TagSet"] == [{"Key": "a", "Value": "1"}]
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    assert code_and_status(s3.put_object_tagging, **at, Tagging=twice) == ("InvalidTag", 400)
    many = {"TagSet": [{"Key": f"k{number}", "Value": ""} for number in range(11)]}
    assert code_and_status(s3.put_object_tagging, **at, Tagging=many) == ("BadRequest", 400)
    s3.delete_object_tagging(**at)
    assert s3.get_object_tagging(**at)["TagSet"] == []


def test_a_presigned_link_reads_and_writes(s3: Any, bucket: str) -> None:
    at = {"Bucket": bucket, "Key": "linked"}
    put = s3.generate_presigned_url("put_object", Params=at)
    with urlopen(Request(put, data=b"by link", method="PUT")) as response:
        assert response.status == 200
    get = s3.generate_presigned_url("get_object", Params={**at, "ResponseContentType": "text/x-own"})
    with urlopen(get) as response:
        assert (response.read(), response.headers["Content-Type"]) == (b"by link", "text/x-own")


def test_another_account_is_kept_out(client: Client, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    stranger = client("s3", account="111122223333")
    assert code_and_status(stranger.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    wrong = code_and_status(s3.get_object, Bucket=bucket, Key="k", ExpectedBucketOwner="111122223333")
    assert wrong == ("AccessDenied", 403)
