"""What does a node answer beside AWS's APIs? The paths under `/_nightbus/`, JSON for the command line and probes.

`health` says that it is ready, `status` what it holds, `explain` what became of an event, `trace` its
whole way, `events/tail` what happens now.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hmac
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from nightbus import __version__
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import DEFAULT_ACCOUNT, is_account, is_region
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.patterns import parse_pattern
from nightbus.delivery.explaining import NotInHistory, explain_pattern, explain_unput
from nightbus.delivery.rules import DEFAULT_BUS
from nightbus.delivery.tracing import trace_event
from nightbus.gateway.gate import Gate
from nightbus.node.node import Node
from nightbus.node.operator_key import OPERATOR_HEADER
from nightbus.node.settings import Settings
from nightbus.node.sizes import sizes
from nightbus.node.tail import Wanted, tail
from nightbus.services import SERVICES
from nightbus.services.lambda_.code_links import resolve_link
from nightbus.services.lambda_.log_lines import runs_of
from nightbus.store.interface import Record

AsgiScope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
_PREFIX = "/_nightbus/"
_CODE = "/_nightbus/lambda-code/"
_CERTIFICATE = "/_nightbus/sns/certificate.pem"
_TAIL = "/_nightbus/events/tail"
_CHUNK = 1024 * 1024
_LARGEST = 2 * 1024 * 1024
_PAGE = 200
_MOST_NAMES = 100
_KINDS = {
    "stacks": "cloudformation/stack",
    "functions": "lambda/function",
    "rules": "events/rule",
    "queues": "sqs/queue",
    "topics": "sns/topic",
    "buckets": "s3/bucket",
    "log groups": "logs/group",
}


class Application:
    """The node's ASGI callable: its own few paths, and the AWS gateway for everything else."""

    def __init__(self, node: Node, settings: Settings) -> None:
        self._node = node
        self._settings = settings
        self._gate = Gate(settings.host, settings.allowed_hosts, settings.allowed_origins)
        self._routes: dict[str, Callable[[dict[str, str]], Awaitable[dict[str, Any]]]] = {
            "health": self._health,
            "status": self._status,
            "explain": self._explain,
            "trace": self._trace,
            "holds": self._holds,
            "sizes": self._sizes,
        }

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        admission = self._gate.admit(scope)
        if admission.refusal is not None:
            await self._refuse(scope, send, admission.refusal)
        elif scope["path"].startswith(_PREFIX):
            await self._answer_own(scope, receive, send)
        else:
            await self._node.gateway(scope, receive, send, admission.allowed_origin)

    async def _refuse(self, scope: AsgiScope, send: Send, error: AwsError) -> None:
        if scope["path"].startswith(_PREFIX):
            await _send_json(scope, send, error.status, {"error": error.code, "message": error.message})
        else:
            await self._node.gateway.refuse(scope, send, error)

    async def _answer_own(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(_CODE):
            await self._send_code(scope, send)
        elif scope["path"] == _CERTIFICATE:
            await self._send_certificate(scope, send)
        elif scope["path"] == _TAIL:
            await self._stream(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        name = scope["path"][len(_PREFIX) :]
        route = self._routes.get(name)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        try:
            if scope["method"] == "POST" and name == "events/put":
                self._require_operator(scope)
                status, reply = 200, await self._put_as_service(await _read_json(receive))
            elif route is None:
                raise AwsError("NotFound", f"There is no {_PREFIX}{name}.", 404)
            elif scope["method"] == "POST" and name == "explain":
                status, reply = 200, await self._explain_given(await _read_json(receive))
            elif scope["method"] not in ("GET", "HEAD"):
                raise AwsError("MethodNotAllowed", f"{_PREFIX}{name} answers GET.", 405)
            else:
                status, reply = 200, await route(query)
        except AwsError as error:
            status, reply = error.status, {"error": error.code, "message": error.message}
        await _send_json(scope, send, status, reply)

    async def _send_code(self, scope: AsgiScope, send: Send) -> None:
        """A function's package, as the link in GetFunction's answer names it."""
        try:
            token = scope["path"].removeprefix(_CODE)
            package = await resolve_link(self._node.store, self._node.clock, token)
        except AwsError as error:
            await _send_json(scope, send, error.status, {"error": error.code, "message": error.message})
            return
        with package as file:
            size = os.fstat(file.fileno()).st_size
            headers = [(b"content-type", b"application/zip"), (b"content-length", str(size).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while scope["method"] != "HEAD" and (chunk := await asyncio.to_thread(file.read, _CHUNK)):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _send_certificate(self, scope: AsgiScope, send: Send) -> None:
        """What verifies the signatures of SNS's notifications."""
        pem = await self._node.platform.topics.signer.certificate()
        headers = [(b"content-type", b"application/x-pem-file"), (b"content-length", str(len(pem)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else pem})

    async def _health(self, query: dict[str, str]) -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "services": sorted(SERVICES)}

    async def _holds(self, query: dict[str, str]) -> dict[str, Any]:
        """The longest time that the event loop was held since the last question, where that is measured."""
        holds = self._node.holds
        if holds is None:
            raise AwsError("NotFound", "Nothing is measured; set NIGHTBUS_MEASURE_HOLDS.", 404)
        longest = holds.longest_ms
        holds.reset()
        return {"longest_ms": longest}

    async def _status(self, query: dict[str, str]) -> dict[str, Any]:
        node, store = self._node, self._node.store
        holds = []
        for label, kind in _KINDS.items():
            for scope in await store.scopes(kind):
                count, names = await self._held(scope, kind)
                if count:
                    place = {"account": scope.account, "region": scope.region}
                    holds.append({"what": label, **place, "count": count, "names": names})
        return {
            "version": __version__,
            "endpoint": node.endpoint,
            "pid": os.getpid(),
            "data": None if self._settings.memory else str(self._settings.data.absolute()),
            "uptime_seconds": (node.clock.now_ms() - node.started_ms) / 1000,
            "services": sorted(SERVICES),
            "holds": holds,
        }

    async def _held(self, scope: Scope, kind: str) -> tuple[int, list[str]]:
        """How many there are, and the first names; page by page, so that a full node answers others meanwhile."""
        count, names, after = 0, list[str](), ""
        while True:
            page = await self._node.store.list(scope, kind, after=after, limit=_PAGE)
            there = [record for record in page if not _is_gone(record)]
            count += len(there)
            names += [_name(record) for record in there[: _MOST_NAMES - len(names)]]
            if len(page) < _PAGE:
                return count, names
            after = page[-1].key

    async def _sizes(self, query: dict[str, str]) -> dict[str, Any]:
        return await sizes(self._node)

    async def _explain(self, query: dict[str, str]) -> dict[str, Any]:
        """`event` (its id), `rule`, and `account` and `region` where it was put; else every scope is searched."""
        explain = self._node.platform.router.explain
        return await self._where_it_is(query, lambda scope, event: explain(scope, event, query.get("rule")))

    async def _trace(self, query: dict[str, str]) -> dict[str, Any]:
        """`event` (its id), and `account` and `region` where it was put; else every scope is searched."""
        store = self._node.store
        runs = functools.partial(runs_of, store)
        return await self._where_it_is(query, lambda scope, event: trace_event(store, scope, event, runs))

    async def _explain_given(self, given: dict[str, Any]) -> dict[str, Any]:
        """Of an `event` that nobody has put: what `pattern`, or the rules of `bus`, or its `rule`, make of it."""
        event = given.get("event")
        if not isinstance(event, dict):
            raise AwsError("ValidationException", "Which event? Give its JSON object as `event`.")
        if "pattern" in given:
            return explain_pattern(given["pattern"], event)
        texts = {name: _text_of(given, name) for name in ("account", "region", "bus", "rule")}
        scope = Scope(texts["account"] or DEFAULT_ACCOUNT, texts["region"] or "us-east-1")
        store = self._node.store
        return await explain_unput(store, scope, texts["bus"] or DEFAULT_BUS, event, texts["rule"] or None)

    def _require_operator(self, scope: AsgiScope) -> None:
        """Raises AwsError where the caller does not show the key of the node's data folder."""
        shown = dict(scope["headers"]).get(OPERATOR_HEADER.encode(), b"")
        if not hmac.compare_digest(shown, self._node.operator_key.encode()):
            raise AwsError(
                "AccessDenied", "This is for whoever runs the node: nightbus events put --as-service.", 403
            )

    async def _put_as_service(self, given: dict[str, Any]) -> dict[str, Any]:
        """`entries` of PutEvents into `account` and `region`, as an AWS service puts its events. Raises AwsError."""
        account, region = _text_of(given, "account"), _text_of(given, "region")
        if not is_account(account) or not is_region(region):
            raise AwsError("ValidationException", "`account` and `region` say where the events are put.")
        call = Call(Scope(account, region), Caller.root(account), self._node.endpoint, as_aws_service=True)
        entries = [_with_time(entry) for entry in given.get("entries") or ()]
        return await self._node.platform.operations.call("events", "PutEvents", {"Entries": entries}, call)

    async def _stream(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Lines of JSON until the client goes, or the node stops."""
        try:
            wanted = self._wanted(dict(parse_qsl(scope["query_string"].decode("latin-1"))))
        except AwsError as error:
            await _send_json(scope, send, error.status, {"error": error.code, "message": error.message})
            return
        headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        sending = asyncio.create_task(_send_lines(tail(self._node.platform, wanted), send))
        ends = [asyncio.create_task(_gone(receive)), asyncio.create_task(self._node.ending.wait())]
        await asyncio.wait({sending, *ends}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, *ends):
            task.cancel()
        await asyncio.gather(sending, *ends, return_exceptions=True)
        await send({"type": "http.response.body", "body": b""})

    def _wanted(self, query: dict[str, str]) -> Wanted:
        """`account`, `region`, `bus`, `pattern`, and `since`: UTC ms, or now. Raises AwsError."""
        try:
            since = int(query.get("since") or self._node.clock.now_ms())
            pattern = parse_pattern(query["pattern"]) if query.get("pattern") else None
        except InvalidPattern as broken:
            raise AwsError("InvalidEventPatternException", str(broken)) from broken
        except ValueError as broken:
            raise AwsError("ValidationException", "`since` must be UTC milliseconds.") from broken
        scope = Scope(query.get("account", DEFAULT_ACCOUNT), query.get("region", "us-east-1"))
        return Wanted(scope, query.get("bus", ""), since, pattern)

    async def _where_it_is(
        self, query: dict[str, str], look: Callable[[Scope, str], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        event_id = query.get("event", "")
        if not event_id:
            raise AwsError("ValidationException", "Which event? Give its id as `event`.")
        wanted = Scope(query.get("account", DEFAULT_ACCOUNT), query.get("region", "us-east-1"))
        others = [scope for scope in await self._node.store.log_scopes() if scope != wanted]
        for scope in (wanted, *others):
            with contextlib.suppress(NotInHistory):
                return await look(scope, event_id)
        raise NotInHistory("ResourceNotFoundException", f"Event {event_id} is in no bus's history.")


async def _send_lines(lines: AsyncIterator[dict[str, Any]], send: Send) -> None:
    async for line in lines:
        await send(
            {"type": "http.response.body", "body": write_json(line).encode() + b"\n", "more_body": True}
        )


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_json(receive: Receive) -> dict[str, Any]:
    """Raises AwsError where the body is no JSON object, or too long for an event and a pattern."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _LARGEST:
            raise AwsError("ValidationException", "The request is too large.", 413)
    try:
        value = parse_json(body.decode())
    except ValueError as broken:
        raise AwsError("ValidationException", f"The request is not JSON: {broken}") from broken
    if not isinstance(value, dict):
        raise AwsError("ValidationException", "The request must be a JSON object.")
    return value


def _with_time(entry: Any) -> Any:
    """An entry of PutEvents whose time is a text (ISO 8601). Raises AwsError."""
    if not isinstance(entry, dict) or not isinstance(entry.get("Time"), str):
        return entry
    try:
        time = datetime.fromisoformat(entry["Time"])
    except ValueError:
        raise AwsError("ValidationException", f"{entry['Time']!r} is not a time (ISO 8601).") from None
    return {**entry, "Time": time if time.tzinfo else time.replace(tzinfo=UTC)}


def _text_of(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name) or ""
    if not isinstance(value, str):
        raise AwsError("ValidationException", f"`{name}` must be a string.")
    return value


async def _send_json(scope: AsgiScope, send: Send, status: int, reply: Mapping[str, Any]) -> None:
    body = write_json(reply).encode()  # an event's numbers may be larger than any double
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _name(record: Record) -> str:
    value = record.value
    return str(value.get("Name") or value.get("name") or record.key)


def _is_gone(record: Record) -> bool:
    """Deleted stacks are remembered for a while."""
    return record.value.get("status") == "DELETE_COMPLETE"
