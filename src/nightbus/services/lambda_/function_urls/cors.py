"""Decides by a URL's `Cors` what web pages may do, and makes the headers that say so. Pure.

The URL answers a preflight request itself, and the function does not run. Source:
https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.services.lambda_.function_urls.exchange import Headers, UrlRequest, UrlResponse


def allows(cors: Mapping[str, Any], origin: str) -> bool:
    """Whether a page of the origin may read what the function answers."""
    return any(one == "*" or one.lower() == origin.lower() for one in cors.get("AllowOrigins") or ())


def is_preflight(cors: Mapping[str, Any], request: UrlRequest) -> bool:
    return (
        bool(cors)
        and request.method == "OPTIONS"
        and request.header("origin") is not None
        and request.header("access-control-request-method") is not None
    )


def preflight_response(cors: Mapping[str, Any], request: UrlRequest) -> UrlResponse:
    """Without CORS headers where the origin, the method or a header is not allowed: the browser then sends nothing."""
    origin = request.header("origin") or ""
    method = request.header("access-control-request-method") or ""
    wanted = request.header("access-control-request-headers") or ""
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    response = UrlResponse(200, [("content-type", "application/json")])
    methods, allowed = cors.get("AllowMethods") or [], cors.get("AllowHeaders") or []
    fits = allows(cors, origin) and ("*" in methods or method in methods) and _all_allowed(names, allowed)
    if not fits:
        return response
    response.headers += _of_origin(cors, origin)
    response.headers.append(("access-control-allow-methods", method if "*" in methods else ",".join(methods)))
    if names:
        response.headers.append(
            ("access-control-allow-headers", ",".join(names if "*" in allowed else allowed))
        )
    if cors.get("MaxAge") is not None:
        response.headers.append(("access-control-max-age", str(cors["MaxAge"])))
    return response


def with_cors(cors: Mapping[str, Any], request: UrlRequest, headers: Headers) -> Headers:
    """The response's headers with those of CORS, which replace the function's own where the URL has settings."""
    origin = request.header("origin")
    if not cors or origin is None or not allows(cors, origin):
        return headers
    added = _of_origin(cors, origin)
    if cors.get("ExposeHeaders"):
        added.append(("access-control-expose-headers", ",".join(cors["ExposeHeaders"])))
    names = {name for name, _ in added if name != "vary"}
    return [header for header in headers if header[0] not in names] + added


def _of_origin(cors: Mapping[str, Any], origin: str) -> Headers:
    with_credentials = bool(cors.get("AllowCredentials"))
    named = "*" if "*" in cors["AllowOrigins"] and not with_credentials else origin
    headers = [("access-control-allow-origin", named)]
    if with_credentials:
        headers.append(("access-control-allow-credentials", "true"))
    if named != "*":
        headers.append(("vary", "Origin"))
    return headers


def _all_allowed(names: list[str], allowed: list[str]) -> bool:
    known = {one.lower() for one in allowed}
    return "*" in known or all(name.lower() in known for name in names)
