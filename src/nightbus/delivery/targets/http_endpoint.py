"""Posts the input to an HTTP endpoint that somebody subscribed; any answer but 2xx is a failure.

The target has `Url`, `Headers`, and where the endpoint gets only so many requests a second `PerSecond`.
https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from nightbus.delivery.jobs import Delivered, Failed, Job, Outcome, Postponed, TargetContext
from nightbus.outbound.http_client import HttpRequest, Unreachable

TIMEOUT_SECONDS = 15.0
_TOO_MANY, _SERVER_ERROR = 429, 500


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome | Postponed:
    url, per_second = str(job.target["Url"]), job.target.get("PerSecond")
    if per_second:
        who = f"{job.origin.id}|{job.attempt}"
        until = await ctx.rates.moment(job.share, per_second, who, ctx.clock.now_ms())
        if until is not None:
            return Postponed(until)
    request = HttpRequest("POST", url, {**_authorization(url), **job.target["Headers"]}, job.input)
    try:
        reply = await ctx.http.send(request, TIMEOUT_SECONDS)
    except Unreachable as broken:
        code = "Timeout" if broken.timed_out else "ConnectionFailure"
        return Failed(code, str(broken), permanent=False)
    if 200 <= reply.status < 300:
        return Delivered(ctx.call.request_id)
    permanent = reply.status < _SERVER_ERROR and reply.status != _TOO_MANY
    return Failed(f"HTTP_{reply.status}", f"HTTP {reply.status}", permanent, status=reply.status)


def _authorization(url: str) -> Mapping[str, str]:
    """By the user and the password in the URL."""
    parsed = urlsplit(url)
    if parsed.username is None:
        return {}
    pair = f"{unquote(parsed.username)}:{unquote(parsed.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
