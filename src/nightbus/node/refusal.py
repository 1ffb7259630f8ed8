"""Answers 503 to a request that fails because the store cannot be reached, for what the AWS gateway does not answer.

The gateway answers such failures itself, in the form of its protocols. The console, the paths under `/_nightbus/`, the
URLs of functions and callbacks would raise them at the HTTP server, which answers 500 and logs a traceback.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

from nightbus.gateway.failure_log import error_of
from nightbus.node.admin.request import AsgiScope, Send, send_error
from nightbus.store.interface import StoreUnavailable

log = logging.getLogger("nightbus.node")


class Refusal:
    """Within `async with Refusal(scope, send) as answering`, a request is answered by `answering`, which sends.

    A StoreUnavailable is answered 503 and logged in one line. Where the response has begun, it breaks off: the HTTP
    server closes the connection. Every other failure passes.
    """

    def __init__(self, scope: AsgiScope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._has_begun = False

    async def __aenter__(self) -> Send:
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(failure, StoreUnavailable):
            return False
        log.error(
            "a request is refused: %s", failure
        )  # without its path, which may have the secret of a link
        if not self._has_begun:
            await send_error(self._scope, self._send, error_of(failure))
        return True

    async def _answer(self, message: Any) -> None:
        self._has_begun = True
        await self._send(message)
