"""Makes what the client gets of how an invocation ended. Pure.

response                FunctionError absent, the payload (over 6 MB: Unhandled, Function.ResponseSizeTooLarge)
error                   Unhandled, the payload that the runtime sent
init error              Unhandled, the payload that the runtime sent, with the request id
exit                    Unhandled, Runtime.ExitError
over the memory limit   Unhandled, Runtime.OutOfMemory
an extension failed      Unhandled, Extension.Crash, Extension.InitError, Extension.ExitError, Extension.LaunchError
over a time limit       Unhandled, Sandbox.Timedout
"""

from __future__ import annotations

import json

from nightbus.functions.logs.reports import failure_payload, with_request_id
from nightbus.functions.runtime_api.api import Answer
from nightbus.functions.runtime_api.connection import LARGEST_RESPONSE
from nightbus.functions.runtime_api.response_stream import LARGEST_STREAM

INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"


class EnvironmentEnded(Exception):
    """The environment is no more; the message is what the client gets, "" for the runtime's own init error."""

    def __init__(self, error_type: str, message: str, status: str = "error") -> None:
        super().__init__(message)
        self.error_type = error_type
        self.status = status
        self.log_lines: tuple[str, ...] = ()  # what AWS logs beside it


class InitTimedOut(Exception):
    """The init phase took longer than 10 s. As on AWS it is begun anew, as a part of the invocation."""


def init_failure(error: Answer, request_id: str) -> EnvironmentEnded:
    """`error`: what the runtime reported, or the zygote for a program that it could not execute."""
    error_type = error.error_type or "Unknown"
    if error_type != INVALID_ENTRYPOINT:
        return EnvironmentEnded(error_type, "")
    try:
        said = f"RequestId: {request_id} {json.loads(error.payload)['errorMessage']}"
    except (ValueError, TypeError, KeyError):  # a function may report anything
        return EnvironmentEnded(error_type, "")
    failure = EnvironmentEnded(error_type, said)
    failure.log_lines = (said, error_type)
    return failure


def result_of(
    answer: Answer | None, failure: EnvironmentEnded | None, init_error: Answer | None, request_id: str
) -> tuple[bytes, str | None]:
    """Return the payload, and what X-Amz-Function-Error says."""
    if answer is not None and answer.too_large:
        limit = LARGEST_STREAM if answer.streamed else LARGEST_RESPONSE
        said = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
        return failure_payload("Function.ResponseSizeTooLarge", said), "Unhandled"
    if answer is not None:
        return answer.payload, None if answer.error_type is None else "Unhandled"
    if init_error is not None and failure is not None and not str(failure):
        return with_request_id(init_error.payload, request_id), "Unhandled"
    error_type = failure.error_type if failure is not None else "Unknown"
    return failure_payload(error_type, str(failure or "")), "Unhandled"
