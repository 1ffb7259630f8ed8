"""The response of a function URL by what the function answered, in pieces too, and its CORS headers."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.calls import Caller
from nightbus.services.lambda_.function_urls.cors import allows, preflight_response, with_cors
from nightbus.services.lambda_.function_urls.exchange import UrlRequest
from nightbus.services.lambda_.function_urls.records import url_text
from nightbus.services.lambda_.function_urls.responses import PRELUDE_TYPE, Malformed, Prelude, response_of

STREAM = (
    b'{"statusCode": 201, "headers": {"A": "b"}, "cookies": ["c=1"]}' + b"\0" * 8 + b"\0body\0" + b"\0" * 8
)


def request(method: str = "GET", **headers: str) -> UrlRequest:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return UrlRequest(
        method, "/", "", named, b"", "x", "HTTP/1.1", "127.0.0.1", "http", 80, Caller.anonymous(), "id"
    )


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_prelude_in_pieces(size: int) -> None:
    prelude, body = Prelude(PRELUDE_TYPE), b""
    for at in range(0, len(STREAM), size):
        body += prelude.take(STREAM[at : at + size])
    assert prelude.response is not None
    assert (prelude.response.status, body) == (201, b"\0body\0" + b"\0" * 8)
    assert prelude.response.headers == [
        ("content-type", "application/json"),
        ("a", "b"),
        ("set-cookie", "c=1"),
    ]


@pytest.mark.parametrize(
    "stream", [b"no" + b"\0" * 8, b"[]" + b"\0" * 8, b'{"statusCode": 1}' + b"\0" * 8, b"x" * 1_100_000]
)
def test_a_malformed_prelude(stream: bytes) -> None:
    with pytest.raises(Malformed):
        Prelude(PRELUDE_TYPE).take(stream)


def test_a_stream_of_another_type_has_no_prelude() -> None:
    for content_type, served in (("text/plain", "text/plain"), ("", "application/octet-stream")):
        prelude = Prelude(content_type)
        assert prelude.response is not None
        assert prelude.response.headers == [("content-type", served)]
        assert prelude.take(STREAM) == STREAM


@pytest.mark.parametrize(
    ("payload", "status", "body"),
    [
        (b'{"statusCode": "404"}', 404, b""),
        (b'{"statusCode": 200, "body": null}', 200, b""),
        (b'{"a": 1}', 200, b'{"a": 1}'),
        (b'"text"', 200, b'"text"'),
        (b'{"statusCode": 200, "body": "eA==", "isBase64Encoded": true}', 200, b"x"),
    ],
)
def test_a_response(payload: bytes, status: int, body: bytes) -> None:
    made = response_of(payload)
    assert (made.status, made.body) == (status, body)


@pytest.mark.parametrize("payload", [b"", b"text", b'{"statusCode": true}', b'{"statusCode": 2.5}', b"\xff"])
def test_a_malformed_answer(payload: bytes) -> None:
    with pytest.raises(Malformed):
        response_of(payload)


def test_cors_replaces_what_the_function_says_itself() -> None:
    cors: dict[str, Any] = {"AllowOrigins": ["https://a.example"], "ExposeHeaders": ["X"]}
    own = [("access-control-allow-origin", "*"), ("vary", "Accept")]
    assert allows(cors, "HTTPS://A.example")
    assert with_cors(cors, request(origin="https://a.example"), own) == [
        ("vary", "Accept"),
        ("access-control-allow-origin", "https://a.example"),
        ("vary", "Origin"),
        ("access-control-expose-headers", "X"),
    ]
    assert with_cors(cors, request(origin="https://b.example"), own) == own
    assert with_cors({}, request(origin="https://a.example"), own) == own


def test_wildcards_name_what_was_asked_for() -> None:
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"], "AllowCredentials": True}
    asked = request(
        "OPTIONS",
        origin="https://a.example",
        access_control_request_method="DELETE",
        access_control_request_headers="x-one, x-two",
    )
    assert dict(preflight_response(cors, asked).headers) == {
        "content-type": "application/json",
        "access-control-allow-origin": "https://a.example",
        "access-control-allow-credentials": "true",
        "vary": "Origin",
        "access-control-allow-methods": "DELETE",
        "access-control-allow-headers": "x-one,x-two",
    }


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://127.0.0.1:4566", "localhost:4566"),
        ("http://[::1]:4566", "localhost:4566"),
        ("http://192.0.2.7:4566", "localhost:4566"),
        ("http://nightbus:80", "nightbus:80"),
    ],
)
def test_the_host_of_a_url(endpoint: str, host: str) -> None:
    assert url_text(endpoint, "us-east-1", "id") == f"http://id.lambda-url.us-east-1.{host}/"
