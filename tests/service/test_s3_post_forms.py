"""Uploads by HTML forms, as boto3 makes them, and reads by links, against a running node."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
import urllib3

from notification_queue import Queue, to_queue


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


def send(form: dict[str, Any], file: bytes, **fields: str) -> Any:
    whole = {**form["fields"], **fields, "file": ("photo 1.jpg", file, "image/jpeg")}
    return urllib3.request("POST", form["url"], fields=whole, redirect=False)


def code_of(reply: Any) -> str | None:
    return ElementTree.fromstring(reply.data).findtext("Code")


def test_a_form_stores_an_object_and_is_announced(s3: Any, bucket: str, client: Callable[..., Any]) -> None:
    queue = Queue(client("sqs"), bucket)
    configuration = {"QueueConfigurations": [to_queue(queue, "s3:ObjectCreated:*")]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    form = s3.generate_presigned_post(
        bucket,
        "in/${filename}",
        Fields={"Content-Type": "image/jpeg", "x-amz-meta-owner": "me"},
        Conditions=[["eq", "$Content-Type", "image/jpeg"], {"x-amz-meta-owner": "me"}],
    )
    reply = send(form, b"x" * 300_000)
    assert (reply.status, reply.data) == (204, b"")
    got = s3.get_object(Bucket=bucket, Key="in/photo 1.jpg")
    assert (got["Body"].read(), got["ContentType"]) == (b"x" * 300_000, "image/jpeg")
    assert (got["Metadata"], got["ETag"]) == ({"owner": "me"}, reply.headers["ETag"])
    (record,) = queue.records(1)
    assert record["eventName"] == "ObjectCreated:Post"


def test_what_a_form_asks_for_is_answered(s3: Any, bucket: str) -> None:
    for fields, status in [
        ({"success_action_status": "200"}, 200),
        ({"success_action_status": "201"}, 201),
        ({"success_action_redirect": "http://example.test/done?a=1"}, 303),
        ({"success_action_redirect": "http://[example"}, 204),
        ({"success_action_redirect": "javascript:alert(1)"}, 204),
    ]:
        ((name, value),) = fields.items()
        form = s3.generate_presigned_post(bucket, "k", Fields=fields, Conditions=[{name: value}])
        reply = send(form, b"1")
        assert reply.status == status
        if status == 201:
            root = ElementTree.fromstring(reply.data)
            assert [root.findtext(one) for one in ("Bucket", "Key")] == [bucket, "k"]
        if status == 303:
            assert reply.headers["Location"].startswith(f"http://example.test/done?a=1&bucket={bucket}&key=k")


def test_what_a_policy_does_not_allow_is_refused(s3: Any, bucket: str) -> None:
    sized = s3.generate_presigned_post(bucket, "k", Conditions=[["content-length-range", 2, 3]])
    assert code_of(send(sized, b"1")) == "EntityTooSmall"
    assert code_of(send(sized, b"1234")) == "EntityTooLarge"
    assert send(sized, b"123").status == 204
    form = s3.generate_presigned_post(bucket, "k")
    assert code_of(send(form, b"", acl="private")) == "AccessDenied"
    assert code_of(send(form, b"", key="other")) == "AccessDenied"
    assert code_of(send(s3.generate_presigned_post(bucket, "k", ExpiresIn=-5), b"")) == "AccessDenied"
    assert code_of(send({"url": form["url"], "fields": {"key": "k"}}, b"")) == "AccessDenied"
    broken = urllib3.request("POST", form["url"], body=b"x", headers={"Content-Type": "multipart/form-data"})
    assert code_of(broken) == "MalformedPOSTRequest"
    page = urllib3.request(
        "POST", form["url"], fields={"key": "k"}, headers={"Origin": "http://foreign.test"}
    )
    assert page.status == 403  # by the gate, before anything is read
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_an_anonymous_reader_sets_no_headers_of_the_response(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"open")
    s3.delete_public_access_block(Bucket=bucket)
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    url = f"{s3.meta.endpoint_url}/{bucket}/k"
    assert urllib3.request("GET", url).data == b"open"
    refused = urllib3.request("GET", f"{url}?response-content-type=text/html")
    assert (refused.status, code_of(refused)) == (400, "InvalidRequest")
    parameters = {"Bucket": bucket, "Key": "k", "ResponseContentType": "text/plain"}
    signed = urllib3.request("GET", s3.generate_presigned_url("get_object", Params=parameters))
    assert (signed.data, signed.headers["Content-Type"]) == (b"open", "text/plain")
