"""Calls other services by boto3. Runs alone: `python -m nightbus.delivery.forwarding.worker`, one JSON text a line.

A process of its own, since boto3 takes 40 MB and blocks. It ends when its standard input does, so with the node.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_AT_ONCE = 256  # as many as the dispatcher has under way to targets elsewhere
_TO_ONE_AT_ONCE = 16
_LONGEST_TEXT = 4_096  # what a service says of its refusal goes into logs and dead letters
_CONNECT_SECONDS = 3
_READ_SECONDS = 10
_UNREACHABLE = 503
_REFUSED = 400
# Where an answer names what was begun.
_NAMES = (
    "executionArn", "SequenceNumber", "RecordId", "jobId", "AutomationExecutionId", "pipelineExecutionId", "RunId",
    "PipelineExecutionArn", "Id", "assessmentRunArn",
)  # fmt: skip


class ForwardCaller:
    """Clients are made once for each service, place and account, and shared by the threads."""

    def __init__(self) -> None:
        import botocore.session

        self._session = botocore.session.get_session()
        self._clients: dict[tuple[str, ...], Any] = {}
        self._lock = threading.Lock()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectionError,
            ConnectTimeoutError,
            HTTPClientError,
            ParamValidationError,
            PartialCredentialsError,
            ReadTimeoutError,
        )

        try:
            return self._http(request) if "url" in request else self._service(request)
        except ClientError as refused:
            error, metadata = refused.response["Error"], refused.response["ResponseMetadata"]
            return _failed(
                error.get("Code", ""),
                error.get("Message", ""),
                metadata.get("HTTPStatusCode", _REFUSED),
                True,
            )
        except (ConnectTimeoutError, ReadTimeoutError) as late:
            return _failed("Timeout", str(late), _UNREACHABLE)
        except (ConnectionError, HTTPClientError, OSError) as unreachable:
            return _failed("ConnectionFailure", str(unreachable), _UNREACHABLE)
        except (ParamValidationError, AttributeError) as wrong:
            return _failed("ValidationException", str(wrong), _REFUSED)
        except PartialCredentialsError as wrong:
            return _failed("AccessDeniedException", str(wrong), _REFUSED)
        except BotoCoreError as wrong:  # no credentials, no such endpoint
            return _failed(type(wrong).__name__, str(wrong), _REFUSED)

    def _service(self, request: dict[str, Any]) -> dict[str, Any]:
        client = self._client(request)
        call = getattr(client, _method(client, request["operation"]))
        reply = call(**request["params"])
        if reply.get("failures") and not reply.get("tasks"):  # RunTask
            reason = str(reply["failures"][0].get("reason", ""))
            detail = str(reply["failures"][0].get("detail") or reason)
            later = reason.startswith(("RESOURCE", "AGENT"))
            return _failed(
                "ServiceUnavailable" if later else reason, detail, _UNREACHABLE if later else _REFUSED
            )
        return {"name": _name(reply)}

    def _client(self, request: dict[str, Any]) -> Any:
        from botocore.config import Config

        key = (request["service"], request["region"], request["endpoint"], request["account"])
        with self._lock:
            if key not in self._clients:
                options: dict[str, Any] = {
                    "connect_timeout": _CONNECT_SECONDS,
                    "read_timeout": _READ_SECONDS,
                    "retries": {"total_max_attempts": 1},
                    "max_pool_connections": _TO_ONE_AT_ONCE,
                    # The node's own environment may name the node itself as the endpoint of everything.
                    "ignore_configured_endpoint_urls": True,
                    "inject_host_prefix": not request["endpoint"],
                }
                create: Any = self._session.create_client
                self._clients[key] = create(
                    request["service"], request["region"], config=Config(**options), **_place(request)
                )
            return self._clients[key]

    def _http(self, request: dict[str, Any]) -> dict[str, Any]:
        from botocore.awsrequest import AWSRequest
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        url = (request["endpoint"] or request["url"]) + request["path"]
        for name, value in request["address"].items():
            url = url.replace(f"{{{name}}}", value)
        sent = AWSRequest(request["method"], url, data=request["body"].encode(), headers=request["headers"])
        if request["signed"]:
            self._sign(sent, request)
        session = URLLib3Session(proxies=get_environ_proxies(url), timeout=request["seconds"])
        reply = session.send(sent.prepare())
        if reply.status_code // 100 == 2:
            return {"name": reply.headers.get("x-amzn-requestid", "")[:_LONGEST_TEXT]}
        code = "TooManyRequestsException" if reply.status_code == 429 else f"HTTP_{reply.status_code}"
        return _failed(code, reply.content[:500].decode(errors="replace"), reply.status_code, True)

    def _sign(self, sent: Any, request: dict[str, Any]) -> None:
        from botocore.auth import SigV4Auth
        from botocore.credentials import Credentials
        from botocore.exceptions import NoCredentialsError

        keys = (
            Credentials(request["account"], "nightbus")
            if request["endpoint"]
            else self._session.get_credentials()
        )
        if keys is None:
            raise NoCredentialsError
        SigV4Auth(keys, request["service"], request["region"]).add_auth(sent)


def _place(request: dict[str, Any]) -> dict[str, str]:
    """To an endpoint of the user's no credentials go but the account's number; to AWS the user's own."""
    if not request["endpoint"]:
        return {}
    return {
        "endpoint_url": request["endpoint"],
        "aws_access_key_id": request["account"],
        "aws_secret_access_key": "nightbus",
    }


def _method(client: Any, operation: str) -> str:
    methods: dict[str, str] = client.meta.method_to_api_mapping
    return next(name for name, wire in methods.items() if wire == operation)


def _name(reply: dict[str, Any]) -> str:
    inner = (
        reply.get("Command", {}).get("CommandId")
        or reply.get("build", reply.get("buildBatch", {})).get("id")
        or next((task.get("taskArn") for task in reply.get("tasks", ())), None)
    )
    named = inner or next((reply[name] for name in _NAMES if name in reply), "")
    return str(named or reply.get("ResponseMetadata", {}).get("RequestId", ""))[:_LONGEST_TEXT]


def _failed(code: str, message: str, status: int, answered: bool = False) -> dict[str, Any]:
    code, message = (code or "UnknownError")[:_LONGEST_TEXT], message[:_LONGEST_TEXT]
    return {"code": code, "message": message, "status": status, "answered": answered}


def main() -> None:
    caller, out = ForwardCaller(), threading.Lock()

    def carry_out(request: dict[str, Any]) -> None:
        try:
            answer = caller.answer(request)
        except Exception as failure:
            answer = _failed("InternalFailure", f"{type(failure).__name__}: {failure}", _UNREACHABLE)
        with out:
            sys.stdout.write(json.dumps({"id": request["id"], **answer}) + "\n")
            sys.stdout.flush()

    threads = ThreadPoolExecutor(_AT_ONCE)
    for line in sys.stdin:
        threads.submit(carry_out, json.loads(line))
    os._exit(0)  # whoever asked is gone


if __name__ == "__main__":
    main()
