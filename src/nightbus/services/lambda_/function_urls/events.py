"""Makes the event of a request to a function URL: payload format 2.0. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from nightbus.services.lambda_.function_urls.exchange import UrlRequest

_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
_NOT_PASSED_ON = frozenset({"connection", "cookie", "keep-alive", "transfer-encoding", "upgrade"})
_MADE_HERE = frozenset({"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id"})


def event_of(
    request: UrlRequest, query: dict[str, list[str]], url_id: str, now_ms: int, *, is_signed: bool, trace: str
) -> dict[str, Any]:
    """The event. `query` has the decoded values of each parameter; `now_ms` is UTC ms; `trace` is the trace header.

    `is_signed`: the URL has AuthType AWS_IAM, so the caller is known.
    """
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
    }
    cookies = _cookies(request)
    if cookies:
        event["cookies"] = cookies
    event["headers"] = _headers(request, trace)
    if query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in query.items()}
    event["requestContext"] = {
        "accountId": request.caller.account if is_signed else "anonymous",
        "apiId": url_id,
        **({"authorizer": {"iam": _caller(request)}} if is_signed else {}),
        "domainName": request.domain,
        "domainPrefix": url_id,
        "http": {
            "method": request.method,
            "path": unquote(request.path),
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent") or "",
        },
        "requestId": request.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{moment:%d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000",
        "timeEpoch": now_ms,
    }
    if request.body:
        text = _text(request)
        event["body"] = base64.b64encode(request.body).decode() if text is None else text
        event["isBase64Encoded"] = text is None
    else:
        event["isBase64Encoded"] = False
    return event


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _headers(request: UrlRequest, trace: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in request.headers:
        if name not in _NOT_PASSED_ON and name not in _MADE_HERE:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    headers["x-forwarded-for"] = request.source_ip
    headers["x-forwarded-proto"] = request.scheme
    headers["x-forwarded-port"] = str(request.port)
    headers["x-amzn-trace-id"] = trace
    return headers


def _cookies(request: UrlRequest) -> list[str]:
    lines = [value for name, value in request.headers if name == "cookie"]
    return [one.strip() for line in lines for one in line.split(";") if one.strip()]


def _caller(request: UrlRequest) -> dict[str, str | None]:
    caller = request.caller
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "callerId": caller.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.user_id,
    }


def _text(request: UrlRequest) -> str | None:
    """The body as text; None for one that its type or its bytes make binary."""
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    is_text = kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))
    if not is_text or request.header("content-encoding") not in (None, "", "identity"):
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None
