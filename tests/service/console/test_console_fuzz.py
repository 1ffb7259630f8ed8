"""Whatever is sent to the console's API, it answers with JSON and a status that fits, and nothing breaks."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from api_requests import Caller, as_operator
from events_errors import ACCOUNT
from events_world import make_world
from nodes import RunningNode

CALLS = 700
EVENT = {"source": "shop", "detail-type": "x", "detail": {"n": [1, {"a": "b"}]}}
TEXTS = [
    *("", " ", "*", "**", "a", "shop", "default", "kept", "r", "a/b", "..", "|", ":", "/", "\0", "\n", "%", "%zz", "+"),
    *("0", "1", "-1", "1.5", "1e3", "99999999999999999999", "9" * 5000, "NaN", "true", "null", "[]", "{}", "\ud800"),
    *("é" * 300, "x" * 5000, "{" * 3000, '{"source": ["shop"]}', '{"source": [{"wildcard": "*a*b*c*"}]}'),
    *('{"source": 1}', "arn:", "arn:::::", f"arn:aws:events:us-east-1:{ACCOUNT}:rule/r", ACCOUNT, "us-east-1"),
    *("failed", "events,logs", "W10=", "WzFd", "WzEsMiwzXQ==", "WyJhIiwxLDJd", "!!", '[1,{"bus/default":-1}]'),
    *("[99999999999999999999,{}]", "{ $.a = 1 }", "[a, b=1*]", "%[%", "/aws/lambda/x", json.dumps(EVENT)),
    "6f1c2f9e-1111-2222-3333-444455556666",
]  # fmt: skip
VALUES = [None, True, 0, -1, 2**70, 1.5, 1e308, [], {}, [None], [""], ["r", "r"], {"a": {"b": [1]}}, EVENT]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    node = RunningNode(tmp_path_factory.mktemp("world") / "data")
    make_world(node)
    yield node
    assert node.stop() == 0


def operations(caller: Caller) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Path, method, what is described of the operation, and of its body."""
    document = caller.send("GET", "/_nightbus/api/openapi.json").json
    schemas = document["components"]["schemas"]
    found = []
    for path, ways in document["paths"].items():
        for method, one in ways.items():
            content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
            body = schemas.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
            found.append((path, method.upper(), one, body))
    return found


class Hostile:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def value(self, schema: dict[str, Any]) -> Any:
        """Often of the type that is described, so that the call comes further."""
        kind = self.random.random()
        if kind < 0.25:
            return self.random.choice([*VALUES, self.text()])
        if schema.get("type") == "array":
            return [self.text() for _ in range(self.random.choice([0, 1, 2, 3, 120]))]
        if schema.get("type") == "integer":
            return self.random.choice([0, 1, 1000, 10**12, 253_402_300_799_000])
        return self.random.choice([self.text(), EVENT]) if "type" not in schema else self.text()

    def request(self, path: str, described: dict[str, Any], body: dict[str, Any]) -> tuple[str, Any]:
        names = [one["name"] for one in described["parameters"] if one["in"] == "path"]
        for name in names:
            path = path.replace("{" + name + "}", quote(self.text().encode("utf-8", "replace"), safe=""))
        query = {
            one["name"]: self.text().encode("utf-8", "surrogatepass")
            for one in described["parameters"]
            if one["in"] == "query"
            and self.random.random() < (0.05 if one["name"] in ("account", "region") else 0.4)
        }
        query.setdefault("account", ACCOUNT.encode())
        if self.random.random() < 0.05:
            query[self.text()[:40].encode("utf-8", "replace").decode()] = b"x"
        sent: Any = {
            name: self.value(schema)
            for name, schema in body.get("properties", {}).items()
            if self.random.random() < 0.9
        }
        if self.random.random() < 0.1:
            sent = self.random.choice([*VALUES, b"", b"{", b"\xff", b'{"a":' * 2000, b'{"a": NaN}'])
        return f"/_nightbus/api{path}?{urlencode(query)}", sent


def status_of_stream(caller: Caller, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=20)
    try:
        connection.request("GET", path, headers={**caller.headers, "Host": "localhost"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_sent_is_answered(world: RunningNode, seed: int) -> None:
    caller, hostile = as_operator(world), Hostile(seed)
    known = [one for one in operations(caller) if one[0] != "/session/codes"]
    assert len(known) > 20
    done = dict.fromkeys(("2", "4"), 0)
    for number in range(CALLS):
        path, method, described, body = known[number % len(known)]
        target, sent = hostile.request(path, described, body)
        if path == "/live":
            assert status_of_stream(caller, target) < 500
            continue
        answer = caller.send(method, target, sent if method != "GET" else None)
        assert answer.status < 500 or answer.json["error"] == "NotImplementedException", (
            method,
            target,
            sent,
            answer.body,
        )
        value = answer.json
        assert answer.status == 200 or {"error", "message"} == set(value), (method, target, sent, value)
        done[str(answer.status)[0]] += 1
    assert done["2"] > CALLS // 10, done
    assert done["4"] > CALLS // 10, done
    failures = [line for line in world.output if "Traceback" in line or "failed" in line.lower()]
    assert failures == []
