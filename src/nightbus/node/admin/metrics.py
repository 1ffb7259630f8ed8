"""Answers `/_nightbus/metrics` to whoever may read the numbers of all accounts.

That is the operator, a scraper that shows the key of `metrics.key` as a bearer token, and everybody where the setting
`metrics_open` says so, or the node takes any key (`dev_credentials`).
"""

from __future__ import annotations

import asyncio
import hmac

from nightbus.aws.errors import AwsError
from nightbus.node.admin.operator import is_operator
from nightbus.node.admin.request import AdminRequest, send_bytes
from nightbus.node.metrics.families import Family
from nightbus.node.metrics.reading import families_of


async def send_metrics(request: AdminRequest) -> None:
    """Raises AwsError: 401 where the caller may not read them, 405 for another method than GET and HEAD."""
    if request.method not in ("GET", "HEAD"):
        raise AwsError("MethodNotAllowed", "/_nightbus/metrics answers GET.", 405)
    if not _may_read(request):
        raise AwsError(
            "Unauthorized",
            "Show the key in metrics.key of the node's data folder: Authorization: Bearer KEY.",
            401,
        )
    families = await families_of(request.node)
    accept = request.header("accept").decode("latin-1")
    body, content_type = await asyncio.to_thread(_written, families, accept)
    await send_bytes(request.asgi, request.send, 200, content_type.encode(), body)


def _written(families: list[Family], accept: str) -> tuple[bytes, str]:
    from nightbus.node.metrics.exposition import exposition  # at the first scrape

    return exposition(families, accept)


def _may_read(request: AdminRequest) -> bool:
    if request.settings.metrics_open or is_operator(request):
        return True
    scheme, _, key = request.header("authorization").partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(key.strip(), request.node.metrics_key.encode())
