"""Defines the error by which an operation refuses a call.

It raises `AwsError` where the mistake is seen; the gateway renders it once, in the protocol of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An error as AWS shapes it.

    `code` is AWS's own (the shape's name, or its `error.code` in query services), `status` the HTTP status,
    `fields` further members of the error's shape, such as Lambda's `Type`.
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
    """Messages quote what a client sent: half a character in it, which nothing can write, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def validation_error(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def not_supported(service: str, operation: str, what: str = "") -> AwsError:
    """The honest answer to what Nightbus does not do yet; `what` names a parameter or a value."""
    return unsupported(f"{service}:{operation}" + (f" with {what}" if what else ""))


def unsupported(subject: str, verb: str = "is") -> AwsError:
    """The same for what no operation names, such as a part of a template; `verb` is "are" for a plural subject."""
    return AwsError("NotImplementedException", f"{subject} {verb} not supported by Nightbus yet.", 501)
