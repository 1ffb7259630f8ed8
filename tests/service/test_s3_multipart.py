"""Multipart uploads by boto3: begun, listed, completed, aborted."""

from __future__ import annotations

import base64
import hashlib
import io
import zlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from boto3.s3.transfer import TransferConfig

from aws_refusals import code_and_status, refusal

MB = 1024 * 1024
PART = bytes(range(256)) * (5 * MB // 256)


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"multipart-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


class Upload:
    """One upload without checksums of its own, and the parts that were sent."""

    def __init__(self, s3: Any, bucket: str, key: str, **begin: Any) -> None:
        self.s3 = s3
        self.at = {"Bucket": bucket, "Key": key}
        begun = s3.create_multipart_upload(**self.at, **begin)
        self.at["UploadId"] = begun["UploadId"]
        self.algorithm = begun.get("ChecksumAlgorithm")
        self.parts: list[dict[str, Any]] = []

    def send(self, number: int, body: bytes) -> dict[str, Any]:
        algorithm = {"ChecksumAlgorithm": self.algorithm} if self.algorithm else {}
        sent: dict[str, Any] = self.s3.upload_part(**self.at, PartNumber=number, Body=body, **algorithm)
        sums = {name: value for name, value in sent.items() if name.startswith("Checksum")}
        self.parts.append({"PartNumber": number, "ETag": sent["ETag"], **sums})
        return sent

    def complete(self, parts: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
        named = {"Parts": self.parts if parts is None else parts}
        done: dict[str, Any] = self.s3.complete_multipart_upload(**self.at, MultipartUpload=named, **more)
        return done


def test_parts_become_one_object(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "big", ContentType="text/x", Metadata={"a": "1"}, Tagging="t=1")
    upload.send(1, PART)
    upload.send(7, b"the end")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    done = upload.complete()
    digests = hashlib.md5(PART).digest() + hashlib.md5(b"the end").digest()
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == PART + b"the end"
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("text/x", {"a": "1"}, 1)
    second = s3.get_object(Bucket=bucket, Key="big", PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (b"the end", 2)
    assert code_and_status(s3.get_object, Bucket=bucket, Key="big", PartNumber=3) == (
        "InvalidPartNumber",
        416,
    )
    assert code_and_status(s3.list_parts, **upload.at) == ("NoSuchUpload", 404)


def test_the_composite_checksum_is_made_of_the_parts(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "sums", ChecksumAlgorithm="CRC32")
    upload.send(1, PART)
    upload.send(2, b"tail")
    done = upload.complete()
    raw = b"".join(zlib.crc32(body).to_bytes(4, "big") for body in (PART, b"tail"))
    expected = base64.b64encode(zlib.crc32(raw).to_bytes(4, "big")).decode() + "-2"
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (expected, "COMPOSITE")
    known = s3.get_object_attributes(Bucket=bucket, Key="sums", ObjectAttributes=["ObjectParts"])[
        "ObjectParts"
    ]
    assert known["TotalPartsCount"] == 2
    assert [part["Size"] for part in known["Parts"]] == [len(PART), 4]


def test_the_checksum_of_the_whole_object(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "whole", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    upload.send(1, PART)
    upload.send(2, b"tail")
    expected = base64.b64encode(zlib.crc32(PART + b"tail").to_bytes(4, "big")).decode()
    wrong = code_and_status(upload.complete, ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT")
    assert wrong == ("BadDigest", 400)
    done = upload.complete(ChecksumCRC32=expected, ChecksumType="FULL_OBJECT")
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (expected, "FULL_OBJECT")


def test_the_wrong_checksum_is_told(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "mix", ChecksumAlgorithm="SHA256")
    _, _, message = refusal(s3.upload_part, **upload.at, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32")
    assert "expected checksum Type: sha256, actual checksum Type: crc32" in message
    upload.send(1, b"x")
    bare = [{"PartNumber": 1, "ETag": upload.parts[0]["ETag"]}]
    _, _, message = refusal(upload.complete, parts=bare)
    assert "It was missing for part 1 in the request." in message
    kind = code_and_status(
        s3.create_multipart_upload,
        Bucket=bucket,
        Key="k",
        ChecksumAlgorithm="SHA1",
        ChecksumType="FULL_OBJECT",
    )
    assert kind == ("InvalidRequest", 400)


def test_wrong_parts_are_refused_and_nothing_is_lost(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "k")
    upload.send(1, b"small")
    upload.send(2, b"small too")
    one, two = upload.parts
    assert refusal(upload.complete)[0] == "EntityTooSmall"
    assert refusal(upload.complete, parts=[two, one])[0] == "InvalidPartOrder"
    assert refusal(upload.complete, parts=[{**one, "ETag": '"other"'}])[0] == "InvalidPart"
    assert refusal(upload.complete, parts=[{**one, "PartNumber": 9}])[0] == "InvalidPart"
    assert refusal(upload.complete, parts=[])[0] == "MalformedXML"
    assert refusal(upload.complete, parts=[one], MpuObjectSize=99)[0] == "InvalidRequest"
    assert code_and_status(s3.upload_part, **upload.at, PartNumber=10_001, Body=b"") == (
        "InvalidArgument",
        400,
    )
    upload.complete(parts=[one])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"small"


def test_a_part_sent_again_takes_the_place_of_the_first(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "again")
    upload.send(1, b"first")
    again = upload.send(1, b"second")
    listed = s3.list_parts(**upload.at)["Parts"]
    assert [(part["PartNumber"], part["ETag"], part["Size"]) for part in listed] == [(1, again["ETag"], 6)]
    upload.complete(parts=upload.parts[1:])
    assert s3.get_object(Bucket=bucket, Key="again")["Body"].read() == b"second"


def test_an_aborted_upload_is_gone(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "never")
    upload.send(1, b"x")
    s3.abort_multipart_upload(**upload.at)
    assert code_and_status(s3.abort_multipart_upload, **upload.at) == ("NoSuchUpload", 404)
    assert code_and_status(s3.upload_part, **upload.at, PartNumber=1, Body=b"") == ("NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_uploads_and_parts_come_in_pages(s3: Any, bucket: str) -> None:
    uploads = [Upload(s3, bucket, key) for key in ("a", "a", "b/1", "b/2", "c")]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    found = [one["UploadId"] for page in pages for one in page["Uploads"]]
    assert sorted(found) == sorted(str(upload.at["UploadId"]) for upload in uploads)
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Key"] for one in rolled["Uploads"]] == ["a", "a", "c"]
    assert rolled["CommonPrefixes"] == [{"Prefix": "b/"}]
    for number in (1, 2, 3):
        uploads[0].send(number, b"x")
    first = s3.list_parts(**uploads[0].at, MaxParts=2)
    assert first["IsTruncated"]
    rest = s3.list_parts(**uploads[0].at, PartNumberMarker=first["NextPartNumberMarker"])
    assert [part["PartNumber"] for part in rest["Parts"]] == [3]
    s3.delete_bucket(Bucket=bucket)


def test_parts_are_copied_from_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=PART + b"0123456789")
    source = {"Bucket": bucket, "Key": "source"}
    upload = Upload(s3, bucket, "copy")
    ranges = [f"bytes=0-{len(PART) - 1}", f"bytes={len(PART) + 2}-{len(PART) + 4}"]
    for number, wanted in enumerate(ranges, 1):
        copied = s3.upload_part_copy(
            **upload.at, PartNumber=number, CopySource=source, CopySourceRange=wanted
        )["CopyPartResult"]
        sums = {name: value for name, value in copied.items() if name.startswith("Checksum")}
        upload.parts.append({"PartNumber": number, "ETag": copied["ETag"], **sums})
    upload.complete()
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == PART + b"234"
    outside = code_and_status(
        s3.upload_part_copy,
        **Upload(s3, bucket, "x").at,
        PartNumber=1,
        CopySource=source,
        CopySourceRange=f"bytes=0-{len(PART) + 10}",
    )
    assert outside == ("InvalidArgument", 400)


def test_the_transfer_manager_goes_both_ways(s3: Any, bucket: str) -> None:
    body = PART * 3 + b"rest"
    config = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), bucket, "moved", Config=config)
    assert s3.head_object(Bucket=bucket, Key="moved")["ETag"].endswith('-4"')
    back = io.BytesIO()
    s3.download_fileobj(bucket, "moved", back, Config=config)
    assert back.getvalue() == body
    copied = s3.copy_object(Bucket=bucket, Key="single", CopySource={"Bucket": bucket, "Key": "moved"})
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
