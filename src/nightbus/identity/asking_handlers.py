"""Says for which actions handlers ask the resource's policy themselves: they refuse single entries, or hide what is not
there. Such a refusal is recorded where all others are, and left to the handler. What the Authorizer asked the policy
with, the condition keys, goes along: tags of the principal and the like are known to nobody else."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.policies.request import NO_KEYS, Need, Values

THEIR_HANDLERS_ASK = frozenset({"ecr", "events", "kms", "secretsmanager", "sns", "sqs"})
# Those of EventBridge whose handlers do so, on buses and rules of other accounts.
_ON_BUSES = frozenset(
    f"events:{name}"
    for name in (
        "DeleteRule", "DescribeRule", "DisableRule", "EnableRule", "ListTargetsByRule", "PutEvents", "PutRule",
        "PutTargets", "RemoveTargets",
    )
)  # fmt: skip


class AskedKeys:
    """With which condition keys the policies of resources were asked for one operation.

    `leaves_refusals`: the handler refuses what the policy of a resource refuses.
    """

    __slots__ = ("_keys", "leaves_refusals")

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], Mapping[str, Values]] = {}
        self.leaves_refusals = True

    def of_handler(self) -> AskedKeys:
        """Return the same for what the handler has authorised itself: nothing is left to it."""
        same = AskedKeys()
        same._keys, same.leaves_refusals = self._keys, False
        return same

    def note(self, need: Need, keys: Mapping[str, Values]) -> None:
        self._keys[need.action.lower(), need.resource] = keys

    def of(self, action: str, resource: str) -> Mapping[str, Values]:
        """Return the keys; of an action that is asked several times, with other keys each, the last ones."""
        return self._keys.get((action.lower(), resource), NO_KEYS)


def is_asked_by_handler(service: str, action: str) -> bool:
    """Return whether the handler of the service's operation asks the resource's policy for the action too.

    It does so for the service's own actions alone, not for a role that is passed.
    """
    if service not in THEIR_HANDLERS_ASK or not action.startswith(f"{service}:"):
        return False
    return service != "events" or action in _ON_BUSES
