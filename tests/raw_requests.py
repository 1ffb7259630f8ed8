"""Sends requests that no SDK would send to a node."""

from __future__ import annotations

import http.client

from nodes import RunningNode

SCOPE = "000000000000/20260101/us-east-1/{}/aws4_request"


def signed(service: str, **headers: str) -> dict[str, str]:
    """Headers with a credential of `service`; the node does not know the key, and accepts it."""
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE.format(service)}, Signature=0", **headers}


def send(node: RunningNode, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """The status and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace")
    finally:
        connection.close()
