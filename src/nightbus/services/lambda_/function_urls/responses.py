"""Makes the HTTP response of what a function answered. Pure.

What a function answers                          the response
an object with `statusCode`                      that status, its headers, cookies and body
any other JSON value                             200, application/json, the value's text as it is
not JSON, or members that do not fit             502
a stream with a prelude (see `Prelude`)          the prelude's status, headers and cookies, then the rest of the stream

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from nightbus.services.lambda_.function_urls.exchange import Headers, UrlResponse

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
_SEPARATOR = b"\0" * 8
_LONGEST_PRELUDE = 1024 * 1024
_JSON = ("content-type", "application/json")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_CONNECTION = frozenset(
    {"transfer-encoding", "keep-alive", "upgrade", "te", "trailer", "proxy-connection"}
)
_REMAPPED = frozenset({"connection", "content-length", "date", "www-authenticate"})


class Malformed(Exception):
    """The function's answer cannot be made a response."""


def error_response(status: int, code: str, body: Mapping[str, Any] | str) -> UrlResponse:
    text = body.encode() if isinstance(body, str) else orjson.dumps(body)
    return UrlResponse(status, [_JSON, ("x-amzn-errortype", code)], text)


def failed() -> UrlResponse:
    """The function failed, or what it answered is malformed."""
    return UrlResponse(502, [_JSON], b"Internal Server Error")


def response_of(payload: bytes) -> UrlResponse:
    """The response for a whole answer. Raises Malformed."""
    try:
        answer = orjson.loads(payload)
    except ValueError:
        raise Malformed from None
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return UrlResponse(200, [_JSON], payload)
    response = head_of(answer)
    body = answer.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise Malformed
    response.body = body.encode()
    if answer.get("isBase64Encoded") is True:
        try:
            response.body = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise Malformed from None
    return response


def head_of(answer: Mapping[str, Any]) -> UrlResponse:
    """The status and the headers by `statusCode`, `headers` and `cookies`. Raises Malformed."""
    status = answer.get("statusCode", 200)
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise Malformed
    headers = _headers(answer.get("headers"))
    if not any(name == "content-type" for name, _ in headers):
        headers.insert(0, _JSON)
    cookies = answer.get("cookies")
    if not isinstance(cookies, list | None) or not all(isinstance(one, str) for one in cookies or ()):
        raise Malformed
    headers += [("set-cookie", _value(one)) for one in cookies or ()]
    return UrlResponse(status, headers)


def _headers(given: Any) -> Headers:
    if given is None:
        return []
    if not isinstance(given, dict):
        raise Malformed
    headers = []
    for name, value in given.items():
        lower = name.lower()
        if _TOKEN.fullmatch(name) is None or isinstance(value, dict | list):
            raise Malformed
        if value is not None and lower not in _OF_THE_CONNECTION:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            headers.append((f"x-amzn-remapped-{lower}" if lower in _REMAPPED else lower, _value(text)))
    return headers


def _value(text: str) -> str:
    """Raises Malformed where the text would end the header, or be another one."""
    if any((character < " " and character != "\t") or character == "\x7f" for character in text):
        raise Malformed
    return text.strip()


class Prelude:
    """Takes the beginning of a stream: JSON with `statusCode`, `headers` and `cookies`, then eight null bytes.

    Where the stream's type is another one, there is no prelude, and the response is 200 with that type.
    """

    def __init__(self, content_type: str) -> None:
        self._read = bytearray()
        self.response: UrlResponse | None = None
        if content_type != PRELUDE_TYPE:
            self.response = UrlResponse(200, [("content-type", _safe_type(content_type))])

    def take(self, chunk: bytes) -> bytes:
        """What of the chunk belongs to the body. Raises Malformed."""
        if self.response is not None:
            return chunk
        self._read += chunk
        end = self._read.find(_SEPARATOR)
        if end < 0:
            if len(self._read) > _LONGEST_PRELUDE:
                raise Malformed
            return b""
        try:
            answer = orjson.loads(bytes(self._read[:end]))
        except ValueError:
            raise Malformed from None
        if not isinstance(answer, dict):
            raise Malformed
        self.response = head_of(answer)
        return bytes(self._read[end + len(_SEPARATOR) :])


def _safe_type(content_type: str) -> str:
    return content_type if content_type.isprintable() and content_type else "application/octet-stream"
