"""How does a test talk to a node at full rate, and tell an answer from a connection that broke?

Signed requests in AWS's JSON protocol over one kept connection: a fraction of what boto3 costs, so that on a small
machine it is the node that is busy when it is killed.
"""

from __future__ import annotations

import http.client
import json
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_SERVICES = {
    "events": ("AWSEvents", "application/x-amz-json-1.1"),
    "sqs": ("AmazonSQS", "application/x-amz-json-1.0"),
    "logs": ("Logs_20140328", "application/x-amz-json-1.1"),
}
_CREDENTIALS = Credentials("000000000000", "test")


class Refused(Exception):
    """The node answered with an error: nothing was acknowledged."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(f"{status} {code} {text}")
        self.status = status
        self.code = code


class NoAnswer(Exception):
    """The connection broke before the answer: done or not, nobody said."""


class Wire:
    """One connection to one service of the node; a broken one is made anew by the next call."""

    def __init__(self, port: int, service: str, timeout: float = 60) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._url = f"http://127.0.0.1:{port}/"
        self._target, self._type = _SERVICES[service]
        self._signer = SigV4Auth(_CREDENTIALS, service, "us-east-1")

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """The parsed answer. Raises Refused, NoAnswer."""
        body = json.dumps(params).encode()
        headers = {"X-Amz-Target": f"{self._target}.{operation}", "Content-Type": self._type}
        request = AWSRequest("POST", self._url, headers, body)
        self._signer.add_auth(request)
        try:
            self._connection.request("POST", "/", body, dict(request.headers.items()))
            reply = self._connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException) as broken:
            self._connection.close()
            raise NoAnswer(str(broken)) from broken
        answer: dict[str, Any] = json.loads(text) if text else {}
        if reply.status != 200:
            raise Refused(reply.status, str(answer.get("__type", "")), str(answer))
        return answer

    def close(self) -> None:
        self._connection.close()
