"""Says which errors of a target's service are worth another attempt."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.delivery.jobs import Failed

_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501
_TRANSIENT = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ServiceUnavailable", "ResourceConflict")


def failed(error: AwsError) -> Failed:
    """A client's mistake stays one; what is busy or broken may be well the next time."""
    transient = error.code.startswith(_TRANSIENT) or (
        error.status >= _SERVER_ERROR and error.status != _NOT_IMPLEMENTED
    )
    return Failed(error.code, error.message, permanent=not transient, status=error.status)
