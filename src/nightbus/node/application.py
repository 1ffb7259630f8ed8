"""Answers every HTTP request of a node: paths under `/_nightbus/` itself, all others by the AWS gateway.

The gate refuses what a web page of a foreign origin may not do, before either sees the request. The hosts of function
URLs belong to functions: whatever the path is, neither the API nor `/_nightbus/` answers there.
"""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.gateway.gate import Gate
from nightbus.node.admin.certificate import is_certificate, send_certificate
from nightbus.node.admin.request import PREFIX, AdminRequest, AsgiScope, Receive, Send, send_error
from nightbus.node.admin.router import answer
from nightbus.node.callbacks import serve_callback
from nightbus.node.function_urls import serve_function_url, url_host
from nightbus.node.node import Node
from nightbus.node.settings import Settings
from nightbus.stacks.callbacks.urls import PREFIXES


class Application:
    """The node's ASGI callable. `settings` names the hosts and origins that may call it."""

    def __init__(self, node: Node, settings: Settings) -> None:
        self._node = node
        self._settings = settings
        self._gate = Gate(settings.host, settings.allowed_hosts, settings.allowed_origins)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        admission = self._gate.admit(scope)
        url = url_host(scope)
        if url is not None and (admission.refusal is None or admission.is_of_page):
            await serve_function_url(self._node, url, admission, scope, receive, send)
        elif admission.refusal is not None:
            await self._refuse(scope, send, admission.refusal)
        elif is_certificate(scope):
            await send_certificate(self._node, scope, send)
        elif scope["path"].startswith(PREFIX):
            await answer(AdminRequest(self._node, self._settings, scope, receive, send))
        elif scope["path"].startswith(PREFIXES):
            await serve_callback(self._node, scope, receive, send)
        else:
            await self._node.gateway(scope, receive, send, admission.allowed_origin)

    async def _refuse(self, scope: AsgiScope, send: Send, error: AwsError) -> None:
        if scope["path"].startswith(PREFIX):
            await send_error(scope, send, error)
        else:
            await self._node.gateway.refuse(scope, send, error)
