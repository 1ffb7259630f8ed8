"""Names a service's error as EventBridge names it in dead letters and in the logs of buses.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

from __future__ import annotations

_ERROR_CODES = (
    # what EventBridge calls it in a dead letter, and of what a service's error has one in its code; the first fits
    (
        "NO_PERMISSIONS",
        ("AccessDenied", "AuthorizationError", "NotAuthorized", "UnrecognizedClient", "HTTP_403"),
    ),
    ("THROTTLING", ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ThroughputExceeded")),
    ("TIMEOUT", ("Timeout", "TimedOut")),
    ("CONNECTION_FAILURE", ("ConnectionFailure",)),
    ("THIRD_ACCOUNT_HOP_DETECTED", ("ThirdAccountHop",)),
    ("THIRD_REGION_HOP_DETECTED", ("ThirdRegionHop",)),
    ("NO_RESOURCE", ("NotFound", "DoesNotExist", "NonExistent", "NoSuch", "HTTP_404")),
    ("RESOURCE_ALREADY_EXISTS", ("AlreadyExists",)),
    ("RESOURCE_MODIFICATION_COLLISION", ("ResourceConflict", "Concurrent", "ResourceInUse")),
    ("RESOURCE_LIMIT_EXCEEDED", ("LimitExceeded",)),
    (
        "INVALID_JSON",
        ("INVALID_JSON", "InvalidRequestContent"),
    ),  # the latter is what Lambda says of a payload
    ("INVALID_PARAMETER", ("Invalid", "Validation")),
    ("INTERNAL_ERROR", ("Internal",)),
    ("ERROR_FROM_TARGET", ("ServiceException", "ServiceUnavailable", "HTTP_5")),
)


def error_code(code: str) -> str:
    """What EventBridge calls a service's error."""
    return next(
        (name for name, parts in _ERROR_CODES if any(part in code for part in parts)), "SDK_CLIENT_ERROR"
    )
