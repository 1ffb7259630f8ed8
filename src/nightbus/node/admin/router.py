"""Routes a request under `/_nightbus/` to its handler, by two tables.

A handler of `ROUTES` returns the JSON object that is the answer. A handler of `DOWNLOADS` writes its response by
itself, since it is not JSON or has no end. Either raises AwsError to refuse, before it has sent anything.

What the node knows of all accounts (events, traces, logs, messages) is for its operator, whatever access key a caller
has: functions and other machines reach these paths too. With `dev_credentials` every caller may read it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.node.admin import (
    access,
    code_packages,
    credentials,
    debugging,
    explanations,
    metrics,
    nodes,
    outbox,
    policy_suggestions,
    service_events,
    status,
    streaming,
    testing,
)
from nightbus.node.admin.operator import is_operator, require_operator
from nightbus.node.admin.request import PREFIX, AdminRequest, send_error, send_json

JsonHandler = Callable[[AdminRequest], Awaitable[dict[str, Any]]]
Download = Callable[[AdminRequest], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class AdminRoute:
    """`read` answers GET and HEAD, `write` answers POST; None where the path does not have that method."""

    read: JsonHandler | None = None
    write: JsonHandler | None = None


ROUTES = {
    "health": AdminRoute(read=status.health),
    "status": AdminRoute(read=status.status),
    "drain": AdminRoute(write=nodes.drain),
    "sizes": AdminRoute(read=status.memory_and_disk),
    "holds": AdminRoute(read=status.loop_holds),
    "explain": AdminRoute(read=explanations.explain_put_event, write=explanations.explain_event_of_body),
    "trace": AdminRoute(read=explanations.trace),
    "debug": AdminRoute(write=debugging.debug_function),
    "outbox": AdminRoute(read=outbox.show_outbox, write=outbox.answer_message),
    "why-denied": AdminRoute(write=access.why_denied),
    "policy/suggest": AdminRoute(write=policy_suggestions.suggest_policy),
    "credentials": AdminRoute(write=credentials.administrator_key),
    "testing/settle": AdminRoute(write=testing.settle),
    "testing/advance": AdminRoute(write=testing.advance),
    "testing/events": AdminRoute(write=testing.events),
    "testing/fault": AdminRoute(write=testing.fault),
    "testing/heal": AdminRoute(write=testing.heal),
    "testing/warm": AdminRoute(write=testing.warm),
    "testing/forget": AdminRoute(write=testing.forget),
    "events/put": AdminRoute(write=service_events.put_as_service),
}

_CODE = "lambda-code/"
# Code packages are fetched by signed links, and metrics have a key of their own.
_FOR_EVERYBODY = frozenset({"health", "status", "metrics", _CODE})

DOWNLOADS: dict[str, Download] = {
    "events/tail": streaming.stream_tail,
    "metrics": metrics.send_metrics,
    _CODE: code_packages.send_code,  # a path that ends in a slash stands for all paths below it
}


async def answer(request: AdminRequest) -> None:
    """Answers one request, with a JSON error where it is refused."""
    try:
        _admit(request)
        download = _download(request.name)
        if download is not None:
            await download(request)
            return
        reply = await _handler(request)(request)
    except AwsError as error:
        await send_error(request.asgi, request.send, error)
        return
    await send_json(request.asgi, request.send, 200, reply)


def _admit(request: AdminRequest) -> None:
    name = request.name
    if name not in _FOR_EVERYBODY and not name.startswith(_CODE) and not is_operator(request):
        require_operator(request, f"nightbus {name.replace('/', ' ')}")


def _download(name: str) -> Download | None:
    folder = name[: name.find("/") + 1]
    return DOWNLOADS.get(name) or (DOWNLOADS.get(folder) if folder else None)


def _handler(request: AdminRequest) -> JsonHandler:
    """Raises AwsError: 404 where there is no such path, 405 where it has no such method."""
    route = ROUTES.get(request.name, AdminRoute())
    if request.method == "POST" and route.write is not None:
        return route.write
    if route.read is None:
        raise AwsError("NotFound", f"There is no {PREFIX}{request.name}.", 404)
    if request.method not in ("GET", "HEAD"):
        raise AwsError("MethodNotAllowed", f"{PREFIX}{request.name} answers GET.", 405)
    return route.read
