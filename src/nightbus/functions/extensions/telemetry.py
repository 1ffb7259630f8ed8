"""Serves the Telemetry API (2022-07-01) and the Logs API (2020-08-15): who subscribes to what, and what each gets.

What happens before an extension has subscribed waits in a backlog until the init phase ends, so that a subscriber hears
of the init phase as well. How batches are made and sent is in `telemetry_delivery`.
Sources: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from nightbus.functions.extensions.api import json_object, refusal, reply
from nightbus.functions.extensions.registry import Extension, Refused
from nightbus.functions.extensions.telemetry_delivery import Buffering, NewSocket, Subscriber
from nightbus.functions.logs.platform_events import PlatformEvent, as_document, time_text

TELEMETRY, LOGS = b"/2022-07-01/telemetry", b"/2020-08-15/logs"
_KINDS = {TELEMETRY: "telemetrySubscription", LOGS: "logsSubscription"}
_SCHEMAS = {TELEMETRY: ("2022-07-01", "2022-12-13", "2025-01-29"), LOGS: ("2020-08-15", "2021-03-18")}
_TYPES = ("platform", "function", "extension")
_HOSTS = ("sandbox", "sandbox.localdomain")
_MOST_BACKLOG = 1_000  # events
_MOST_BACKLOG_BYTES = 1024 * 1024
_BUFFERING = {  # least, most, default
    "maxItems": (1_000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1_000),
}


class Telemetry:
    """`address` is the loopback address at which the sandbox's own name resolves. `subscribed` is told of each.

    `new_socket` makes sockets in the environment's network; None where it shares the node's. `is_frozen`: the
    environment is, so that nothing is to be sent.
    """

    def __init__(
        self,
        address: Callable[[], str],
        log_format: str,
        subscribed: Callable[[str, str, Sequence[str]], None],
        new_socket: NewSocket | None = None,
        is_frozen: Callable[[], bool] = lambda: False,
    ) -> None:
        self._address = address
        self._new_socket = new_socket
        self._is_frozen = is_frozen
        self._is_json = log_format == "JSON"
        self._subscribed = subscribed
        self._subscribers: dict[str, tuple[bytes, str, Subscriber]] = {}
        self._backlog: deque[tuple[str, dict[str, Any]]] | None = deque()
        self._backlog_bytes = 0

    @property
    def is_wanted(self) -> bool:
        return bool(self._subscribers) or self._backlog is not None

    def close_backlog(self) -> None:
        """The init phase has ended."""
        self._backlog = None

    def platform(self, event: PlatformEvent, now_ms: int) -> None:
        self._take("platform", as_document(event, now_ms))

    def line(self, kind: str, message: str, now_ms: int) -> None:
        """`kind` is function or extension."""
        record: Any = message
        if self._is_json and message.startswith("{"):
            try:
                record = json.loads(message)
            except ValueError:
                record = message
        self._take(kind, {"time": time_text(now_ms), "type": kind, "record": record})

    def _take(self, kind: str, document: dict[str, Any]) -> None:
        if self._backlog is not None:
            self._remember(self._backlog, kind, document)
        for api, schema, subscriber in self._subscribers.values():
            _offer(subscriber, api, schema, kind, document)

    def _remember(
        self, backlog: deque[tuple[str, dict[str, Any]]], kind: str, document: dict[str, Any]
    ) -> None:
        """The oldest go where there are too many, or too much."""
        backlog.append((kind, document))
        self._backlog_bytes += _size(document)
        while len(backlog) > _MOST_BACKLOG or self._backlog_bytes > _MOST_BACKLOG_BYTES:
            self._backlog_bytes -= _size(backlog.popleft()[1])

    def handle(self, extension: Extension, api: bytes, body: bytes, *, is_closed: bool) -> bytes:
        """The reply to a subscription."""
        try:
            if is_closed:
                raise Refused(
                    "Telemetry.SubscriptionClosed", "Subscription is closed: the init phase has ended"
                )
            subscriber, schema = self._parsed(json_object(body), api)
        except Refused as refused:
            return refusal(refused)
        former = self._subscribers.get(extension.name)
        if former is not None:
            former[2].close()
        self._subscribers[extension.name] = (api, schema, subscriber)
        for kind, document in list(self._backlog or ()):
            _offer(subscriber, api, schema, kind, document)
        self._subscribed(_KINDS[api], extension.name, subscriber.types)
        return reply(200, "OK")

    def _parsed(self, request: Mapping[str, Any], api: bytes) -> tuple[Subscriber, str]:
        schema = request.get("schemaVersion", _SCHEMAS[api][0])
        if schema not in _SCHEMAS[api]:
            raise _invalid(f"schemaVersion {schema} is not supported")
        types = request.get("types")
        if not isinstance(types, list) or not types or any(one not in _TYPES for one in types):
            raise _invalid(f"types: a list of {', '.join(_TYPES)} is wanted")
        destination = request.get("destination")
        if not isinstance(destination, dict) or destination.get("protocol") != "HTTP":
            raise _invalid("destination: the protocol HTTP is wanted")
        try:
            uri = urlsplit(str(destination.get("URI")))
            port = uri.port or 80
        except ValueError:
            raise _invalid("destination: the URI is not valid") from None
        if uri.scheme != "http" or uri.hostname not in _HOSTS:
            raise _invalid(f"destination: the host of the URI must be one of {', '.join(_HOSTS)}")
        path = (uri.path or "/") + (f"?{uri.query}" if uri.query else "")
        if not path.isascii() or not path.isprintable() or " " in path:
            raise _invalid("destination: the URI is not valid")
        host = f"{uri.hostname}:{port}"
        buffering = _buffering(request.get("buffering") or {})
        address, kinds = self._address(), tuple(dict.fromkeys(types))
        subscriber = Subscriber(
            address, port, host, path, kinds, buffering, self._new_socket, self._is_frozen
        )
        return subscriber, str(schema)

    def deliver(self) -> bool:
        """Whether the subscribers have everything; what they do not have is sent now."""
        missing = [one for _, _, one in self._subscribers.values() if not one.deliver()]
        return not missing

    async def flush(self) -> None:
        for _, _, subscriber in self._subscribers.values():
            await subscriber.flush()

    def close(self) -> None:
        for _, _, subscriber in self._subscribers.values():
            subscriber.close()


def _size(document: dict[str, Any]) -> int:
    """Roughly what it takes in memory."""
    return len(str(document["record"])) + 256


def _buffering(requested: Any) -> Buffering:
    """Raises Refused."""
    if not isinstance(requested, dict):
        raise _invalid("buffering: an object is wanted")
    values = {}
    for name, (least, most, default) in _BUFFERING.items():
        value = requested.get(name, default)
        if not isinstance(value, int) or not least <= value <= most:
            raise _invalid(f"buffering: {name} must be between {least} and {most}")
        values[name] = value
    return Buffering(values["maxItems"], values["maxBytes"], values["timeoutMs"] / 1000)


def _invalid(message: str) -> Refused:
    return Refused("ValidationError", message, 400)


def _offer(subscriber: Subscriber, api: bytes, schema: str, kind: str, document: dict[str, Any]) -> None:
    if kind not in subscriber.types:
        return
    if kind != "platform":
        subscriber.add(document)
    elif api == LOGS:
        for older in _of_logs_api(document, schema):
            subscriber.add(older)
    elif document["type"] != "platform.fault":  # which the Telemetry API does not have
        subscriber.add(document)


def _of_logs_api(document: dict[str, Any], schema: str) -> list[dict[str, Any]]:
    """The events of the Logs API for one of the Telemetry API; none for what it does not have."""
    kind, record = document["type"].removeprefix("platform."), document["record"]
    if kind == "start":
        return [document | {"record": {name: record[name] for name in ("requestId", "version")}}]
    if kind == "runtimeDone":
        request_id = {"requestId": record["requestId"]}
        end = document | {"type": "platform.end", "record": request_id}
        status = "failure" if record["status"] == "error" else record["status"]
        done = document | {"record": request_id | {"status": status}}
        return [done, end] if schema == "2021-03-18" else [end]
    if kind == "report":
        return [document | {"record": {name: record[name] for name in ("requestId", "metrics")}}]
    return [document] if kind in ("fault", "extension", "logsSubscription", "logsDropped") else []
