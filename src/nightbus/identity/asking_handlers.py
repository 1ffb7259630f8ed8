"""Says for which actions handlers ask the resource's policy themselves: they refuse single entries, or hide what is not
there. Such a refusal is recorded where all others are, and left to the handler."""

from __future__ import annotations

THEIR_HANDLERS_ASK = frozenset({"ecr", "events", "kms", "secretsmanager", "sns", "sqs"})
# Those of EventBridge whose handlers do so, on buses and rules of other accounts.
_ON_BUSES = frozenset(
    f"events:{name}"
    for name in (
        "DeleteRule", "DescribeRule", "DisableRule", "EnableRule", "ListTargetsByRule", "PutEvents", "PutRule",
        "PutTargets", "RemoveTargets",
    )
)  # fmt: skip


def is_asked_by_handler(service: str, action: str) -> bool:
    """Return whether the handler of the service's operation asks the resource's policy for the action too.

    It does so for the service's own actions alone, not for a role that is passed.
    """
    if service not in THEIR_HANDLERS_ASK or not action.startswith(f"{service}:"):
        return False
    return service != "events" or action in _ON_BUSES
