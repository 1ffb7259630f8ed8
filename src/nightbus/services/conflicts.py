"""Makes the error for a caller whose change came to nothing because others kept changing the same thing.

A change is tried again inside the node (`nightbus.store.conflicts`), so only hundreds of callers at once see this. The
error is the one that the service's own model has for it, else one that every SDK tries again.
"""

from __future__ import annotations

from nightbus.aws.errors import AwsError

_THROTTLED = ("Throttling", 400)
_CODES = {
    # service: the error's code and HTTP status
    "events": ("ConcurrentModificationException", 400),
    "iam": ("ConcurrentModification", 409),
    "lambda": ("ResourceConflictException", 409),
    "logs": ("OperationAbortedException", 400),
    "s3": ("OperationAborted", 409),
    "sns": ("ConcurrentAccess", 400),
}


def conflict_error(service: str, key: str) -> AwsError:
    """`key` names the record that was changed."""
    code, status = _CODES.get(service, _THROTTLED)
    return AwsError(code, f"{key} is being changed by other requests. Please try again.", status)
