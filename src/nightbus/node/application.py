"""Answers every HTTP request of a node: paths under `/_nightbus/` itself, all others by the AWS gateway.

The gate refuses what a web page of a foreign origin may not do, before either sees the request. The hosts of function
URLs belong to functions: whatever the path is, neither the API nor `/_nightbus/` answers there. The console's host on
this machine is the other way round: it answers nothing else than `/_nightbus/`, so that no object of a bucket, and
nothing else that users make, has the console's origin. Names below it answer nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.aws.errors import AwsError
from nightbus.gateway.gate import Gate
from nightbus.gateway.hosts import function_url_of, is_below_console_host, is_console_host
from nightbus.node.admin.certificate import is_certificate, send_certificate
from nightbus.node.admin.request import PREFIX, AdminRequest, AsgiScope, Receive, Send, send_bytes, send_error
from nightbus.node.admin.router import answer
from nightbus.node.callbacks import serve_callback
from nightbus.node.function_urls import serve_function_url
from nightbus.node.mounts import Mount
from nightbus.node.node import Node
from nightbus.node.refusal import Refusal
from nightbus.node.settings import Settings
from nightbus.stacks.callbacks.urls import PREFIXES

_NOTHING_ELSE = (
    b"This host is the console's: /_nightbus/console. The APIs of AWS answer at 127.0.0.1 and localhost, and a bucket\n"
    b"named nightbus by its path there.\n"
)


class Application:
    """The node's ASGI callable. `settings` names the hosts and origins that may call it; of the paths under
    `/_nightbus/`, `mounts` answer those that they take."""

    def __init__(self, node: Node, settings: Settings, mounts: Sequence[Mount] = ()) -> None:
        self._node = node
        self._settings = settings
        self._mounts = mounts
        self._gate = Gate(settings.host, settings.allowed_hosts, settings.allowed_origins)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        admission = self._gate.admit(scope)
        host = _host_of(scope)
        url = function_url_of(host)
        if is_below_console_host(host):
            await send_bytes(scope, send, 404, b"text/plain", _NOTHING_ELSE)
        elif url is not None and (admission.refusal is None or admission.is_of_page):
            async with Refusal(scope, send) as answering:
                await serve_function_url(self._node, url, admission, scope, receive, answering)
        elif admission.refusal is not None:
            await self._refuse(scope, send, admission.refusal)
        elif scope["path"].startswith(PREFIX):
            async with Refusal(scope, send) as answering:
                await self._answer(AdminRequest(self._node, self._settings, scope, receive, answering))
        elif is_console_host(host):
            await send_bytes(scope, send, 404, b"text/plain", _NOTHING_ELSE)
        elif is_certificate(scope):
            await send_certificate(self._node, scope, send)
        elif scope["path"].startswith(PREFIXES):
            async with Refusal(scope, send) as answering:
                await serve_callback(self._node, scope, receive, answering)
        else:
            await self._node.gateway(scope, receive, send, admission.allowed_origin)

    async def _answer(self, request: AdminRequest) -> None:
        for mount in self._mounts:
            if mount.takes(request.asgi["path"]):
                await mount.serve(request)
                return
        await answer(request)

    async def _refuse(self, scope: AsgiScope, send: Send, error: AwsError) -> None:
        if scope["path"].startswith(PREFIX):
            await send_error(scope, send, error)
        else:
            await self._node.gateway.refuse(scope, send, error)


def _host_of(scope: AsgiScope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            text: str = value.decode("latin-1")
            return text
    return ""
