"""Sends requests to a running node by HTTP, to the paths under `/_nightbus/`.

It always connects directly and ignores the environment's proxies (`http_proxy`).
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from nightbus.cli.errors import CommandFailed, NotRunning, no_node_at
from nightbus.node.settings import Settings


def get_json(
    settings: Settings,
    path: str,
    query: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """GET `/_nightbus/<path>` with `query`, and return the JSON object of the response.

    `timeout` is in seconds, for connecting and for each read. Raises NotRunning, or CommandFailed with the node's
    error.
    """
    url = f"{settings.command_endpoint}/_nightbus/{path}" + (f"?{urlencode(query)}" if query else "")
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 - our own node
    return _answer(settings, request, timeout)


def post_json(
    settings: Settings,
    path: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> dict[str, Any]:
    """POST `body` as JSON to `/_nightbus/<path>`. `timeout`, result and errors are as in `get_json`."""
    from nightbus.bus.json_text import write_json  # an event's numbers may be larger than any double

    url, data = f"{settings.command_endpoint}/_nightbus/{path}", write_json(body).encode()
    request = urllib.request.Request(url, data, dict(headers or {}))  # noqa: S310 - our own node
    return _answer(settings, request, timeout)


def _answer(settings: Settings, request: urllib.request.Request, timeout: float) -> dict[str, Any]:
    try:
        with open_directly(settings, request, timeout) as reply:
            answer = json.load(reply)
    except urllib.error.HTTPError as error:
        raise CommandFailed(message_of(error)) from error
    except urllib.error.URLError as error:
        raise no_connection(settings, error) from error
    except OSError as error:
        raise no_node_at(settings.endpoint) from error
    except (ValueError, http.client.HTTPException) as error:
        raise CommandFailed(f"the server at {settings.endpoint} is not a Nightbus node") from error
    if not isinstance(answer, dict):
        raise CommandFailed(f"the server at {settings.endpoint} is not a Nightbus node")
    return answer


def open_directly(
    settings: Settings, request: urllib.request.Request, timeout: float
) -> http.client.HTTPResponse:
    """Send the request directly, never by a proxy. Raises URLError, or HTTPError with the node's response."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if request.type == "https":
        from nightbus.cli.trust import trusting_context

        handlers.append(urllib.request.HTTPSHandler(context=trusting_context(settings)))
    reply: http.client.HTTPResponse = urllib.request.build_opener(*handlers).open(request, timeout=timeout)
    return reply


def no_connection(settings: Settings, error: urllib.error.URLError) -> CommandFailed:
    """Return the failure for a node that cannot be reached, or whose certificate is not trusted."""
    if settings.tls and type(error.reason).__name__.startswith("SSL"):
        reason = getattr(error.reason, "verify_message", "") or error.reason
        return CommandFailed(f"no TLS connection with {settings.endpoint}: {reason}")
    return no_node_at(settings.endpoint)


def is_running(settings: Settings) -> bool:
    """Return whether a node runs at the address. Raises CommandFailed if another program answers there."""
    try:
        return get_json(settings, "health", timeout=2.0).get("status") == "ok"
    except NotRunning:
        return False


def message_of(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code}; is that a Nightbus?"
