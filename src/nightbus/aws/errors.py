"""Defines the error by which an operation refuses a call.

Code raises `AwsError` where it sees the mistake. The gateway renders it in the protocol of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An error in the form of AWS's errors.

    `code` is AWS's code (the shape's name, or its `error.code` in query services), `status` the HTTP status, `fields`
    further members of the error's shape, such as Lambda's `Type`.
    """

    def __init__(
        self, code: str, message: str, status: int = 400, *, fields: Mapping[str, Any] | None = None
    ) -> None:
        message = _written(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields: Mapping[str, Any] = {
            name: _written(value) if isinstance(value, str) else value
            for name, value in (fields or {}).items()
        }

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def _written(text: str) -> str:
    """Return the message with a question mark for each half of a surrogate pair, which a quoted value may contain and
    no encoder can write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def validation_error(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def not_supported(service: str, operation: str, detail: str = "") -> AwsError:
    """Return the error (501) for an operation without support, or with an unsupported parameter or value `detail`."""
    return unsupported(f"{service}:{operation}" + (f" with {detail}" if detail else ""))


def unsupported(subject: str, verb: str = "is") -> AwsError:
    """Return the same error for another subject, such as a part of a template. `verb` is "are" for a plural one."""
    return AwsError("NotImplementedException", f"{subject} {verb} not supported by Nightbus yet.", 501)
