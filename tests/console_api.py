"""Calls a node's console API as a program does, with the operator key."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode

from nightbus.node.operator_key import OPERATOR_HEADER, read_operator_key
from nodes import RunningNode

API = "/_nightbus/api"


class ApiError(Exception):
    """The answer to a request that was refused."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


class ConsoleApi:
    """`scope` are the account and the Region of each call, by default the node's own."""

    def __init__(self, node: RunningNode, **scope: str) -> None:
        assert node.folder is not None, "only a node with a data folder shows its operator key"
        self._base = node.endpoint + API
        self._headers = {OPERATOR_HEADER: read_operator_key(node.folder)}
        self._scope = scope

    def get(self, path: str, **query: Any) -> Any:
        """`path` may have characters of names that are not of URLs."""
        return self._call(path, None, query)

    def post(self, path: str, body: Any, **query: Any) -> Any:
        return self._call(path, json.dumps(body).encode(), query)

    def empty(self, queue: str) -> None:
        """Delete what is in the queue now, one by one: PurgeQueue is for once a minute."""
        ids = [one["id"] for one in self.get(f"/queues/{queue}/messages")["messages"]]
        self.post(f"/queues/{queue}/delete", {"messages": ids})

    def _call(self, path: str, body: bytes | None, query: dict[str, Any]) -> Any:
        url = f"{self._base}{quote(path)}?{urlencode({**self._scope, **query})}"
        headers = {**self._headers, "content-type": "application/json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            told = json.load(error)
            raise ApiError(error.code, told["error"], told["message"]) from None
