"""A service that is elsewhere: an HTTP server that keeps what it is sent, and answers as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    time: float = 0.0

    @property
    def target(self) -> str:
        return self.headers.get("x-amz-target", "")


Reply = tuple[int, dict[str, Any]]


class Elsewhere:
    """`answer` is asked for every request; without an opinion of its own the reply is an empty object."""

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self.answer: Callable[[Sent], Reply | None] = lambda sent: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    body = json.loads(raw or b"null")
                except ValueError:
                    body = raw.decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = Sent(self.command, self.path, headers, body, time.monotonic())
                status, reply = outer.answer(sent) or (200, {})
                outer.requests.append(sent)
                out = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST = do_PUT = _handle

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, words: str) -> list[Sent]:
        """The requests in which the words stand anywhere."""
        return [
            sent for sent in list(self.requests) if words in json.dumps([sent.path, sent.headers, sent.body])
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
