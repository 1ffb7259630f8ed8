"""Sends a notification to an HTTP endpoint: one POST with SNS's headers; any answer but 2xx is a refusal.

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
    """The endpoint did not take it. `permanent`: AWS would not ask it again."""

    def __init__(self, text: str, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


async def post(client: HttpClient, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Raises Refused."""
    request = Request("POST", url, {**_authorization(url), **headers}, body)
    try:
        reply = await client.send(request, TIMEOUT_SECONDS)
    except Unreachable as broken:
        raise Refused(str(broken), permanent=False) from broken
    if not 200 <= reply.status < 300:
        permanent = reply.status < _SERVER_ERROR and reply.status != _TOO_MANY
        raise Refused(f"HTTP {reply.status}", permanent)


def _authorization(url: str) -> dict[str, str]:
    """By the user and the password in the URL."""
    parsed = urlsplit(url)
    if parsed.username is None:
        return {}
    given = f"{unquote(parsed.username)}:{unquote(parsed.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(given.encode()).decode()}"}


def without_secret(endpoint: str) -> str:
    """An endpoint as a log may show it: a URL's user and password are nobody's business."""
    if "@" not in endpoint or "://" not in endpoint:
        return endpoint
    scheme, _, rest = endpoint.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
