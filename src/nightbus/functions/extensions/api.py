"""Serves the Extensions API (2020-01-01) on the port of an environment's Runtime API.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from nightbus.aws.ids import new_uuid
from nightbus.functions.extensions.registry import Event, ExtensionRegistry, Refused
from nightbus.functions.interface import FunctionSpec

PREFIX = b"/2020-01-01/extension/"
_STATUSES = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Server Error",
}
_LONGEST_BODY = 64 * 1024


class Connection(Protocol):
    def reply(self, data: bytes) -> bool:
        """False where the connection is lost."""
        ...


def reply(status: int, document: Any, headers: Mapping[str, str] | None = None) -> bytes:
    """`document` is sent as JSON, text as it is."""
    body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    kind = "text/plain" if isinstance(document, str) else "application/json"
    lines = [
        f"HTTP/1.1 {status} {_STATUSES[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def refusal(refused: Refused) -> bytes:
    return reply(refused.status, {"errorMessage": str(refused), "errorType": refused.error_type})


def json_object(body: bytes) -> dict[str, Any]:
    """Raises Refused."""
    try:
        document = json.loads(body) if len(body) <= _LONGEST_BODY else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refused("InvalidRequestFormat", "Invalid request body: a JSON object is wanted", 400)
    return document


class ExtensionsApi:
    """`reported` is called when an extension reports an error."""

    def __init__(self, spec: FunctionSpec, registry: ExtensionRegistry, reported: Callable[[], None]) -> None:
        self._spec = spec
        self._registry = registry
        self._reported = reported

    def handle(
        self,
        connection: Connection,
        method: bytes,
        path: bytes,
        headers: Mapping[bytes, str],
        body: bytes,
    ) -> bytes | None:
        """The reply; None where it comes later. `headers` are those that begin with `lambda-extension-`."""
        try:
            if (method, path) == (b"POST", b"register"):
                return self._register(headers, body)
            extension = self._registry.find(headers.get(b"lambda-extension-identifier", ""))
            if (method, path) == (b"GET", b"event/next"):
                self._registry.ask(extension, lambda event: connection.reply(_event_reply(event)))
                return None
            states = {b"init/error": "InitError", b"exit/error": "ExitError"}
            if method == b"POST" and path in states:
                error_type = headers.get(b"lambda-extension-function-error-type", "")
                self._registry.report_error(extension, states[path], error_type)
                self._reported()
                return reply(202, {"status": "OK"})
        except Refused as refused:
            return refusal(refused)
        return reply(404, {"errorMessage": "Not found", "errorType": "NotFound"})

    def _register(self, headers: Mapping[bytes, str], body: bytes) -> bytes:
        events = json_object(body).get("events") or []
        if not isinstance(events, list):
            raise Refused("InvalidRequestFormat", "events: a list is wanted", 400)
        extension = self._registry.register(headers.get(b"lambda-extension-name", ""), events)
        spec = self._spec
        answer = {"functionName": spec.name, "functionVersion": spec.version, "handler": spec.handler}
        if "accountId" in headers.get(b"lambda-extension-accept-feature", "").replace(" ", "").split(","):
            answer["accountId"] = spec.scope.account
        return reply(200, answer, {"Lambda-Extension-Identifier": extension.identifier})


def _event_reply(event: Event) -> bytes:
    return reply(200, event, {"Lambda-Extension-Event-Identifier": new_uuid()})
