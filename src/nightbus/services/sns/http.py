"""Sends notifications to HTTP endpoints: one POST with SNS's headers. Any status but 2xx is a refusal.

https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from nightbus.outbound.http_client import HttpClient, Request, Unreachable

TIMEOUT_SECONDS = 15.0
_TOO_MANY, _SERVER_ERROR = 429, 500


class Refused(Exception):
    """The endpoint refused the notification. `permanent`: AWS would not try again after such an answer."""

    def __init__(self, text: str, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


async def post(client: HttpClient, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """POST the body. Raises Refused."""
    request = Request("POST", url, {**_authorization(url), **headers}, body)
    try:
        reply = await client.send(request, TIMEOUT_SECONDS)
    except Unreachable as broken:
        raise Refused(str(broken), permanent=False) from broken
    if not 200 <= reply.status < 300:
        permanent = reply.status < _SERVER_ERROR and reply.status != _TOO_MANY
        raise Refused(f"HTTP {reply.status}", permanent)


def _authorization(url: str) -> dict[str, str]:
    """Return the Authorization header for the user and the password in the URL, if it has them."""
    parsed = urlsplit(url)
    if parsed.username is None:
        return {}
    credentials = f"{unquote(parsed.username)}:{unquote(parsed.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


def without_secret(endpoint: str) -> str:
    """Return the endpoint without a URL's user and password, for log lines."""
    if "@" not in endpoint or "://" not in endpoint:
        return endpoint
    scheme, _, remainder = endpoint.partition("://")
    authority, slash, path = remainder.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
