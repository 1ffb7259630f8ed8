"""Judges the policy of a queue or a topic: its owner needs no statement, AWS services need one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Caller
from nightbus.policies.callers import NO_STATEMENTS, not_allowed, refusal, request_by
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.request import NO_KEYS, Values

_MOST_REMEMBERED = 1000


class Access:
    """The policy of the resource `arn`, which `owner` has. An action is given as the service's refusals spell it.

    What it answers depends on the caller and the action alone, so each is judged once.
    """

    __slots__ = ("_answers", "_owner", "arn", "policy")

    def __init__(self, arn: str, owner: str, policy: str | None) -> None:
        self.arn = arn
        self._owner = owner
        self.policy = Policy.compile(policy, PolicyKind.RESOURCE, arn) if policy else NO_STATEMENTS
        self._answers: dict[tuple[Caller, str], str] = {}

    def is_open_to(self, account: str) -> bool:
        """Whether nothing has to be asked: the resource is the account's own, and nobody is denied anything."""
        return account == self._owner and not self.policy.denies

    def admits(self, service: str, source_arn: str, action: str, source_account: str = "") -> bool:
        """Whether the AWS service may, acting for `source_arn`, whose account counts where the ARN has one."""
        return not self._answer(Caller.for_service(source_account, service, source_arn), action)

    def refusal(self, caller: Caller, action: str, values: Mapping[str, Values] | None = None) -> str:
        """Why the caller may not do `action`, in AWS's words; "" if it may. `values` are those of condition keys."""
        if caller.arn and self.is_open_to(caller.account):
            return ""
        return self._answer(caller, action) if values is None else self._judged(caller, action, values)

    def refusal_but_to_owner(
        self, caller: Caller, action: str, values: Mapping[str, Values] | None = None
    ) -> str:
        """The same for an action that no policy can give to others."""
        if caller.arn and caller.account == self._owner:
            return self.refusal(caller, action, values)
        return not_allowed(request_by(caller, action, self.arn))

    def _answer(self, caller: Caller, action: str) -> str:
        answer = self._answers.get((caller, action))
        if answer is None:
            if len(self._answers) >= _MOST_REMEMBERED:
                self._answers.clear()
            answer = self._answers[caller, action] = self._judged(caller, action, NO_KEYS)
        return answer

    def _judged(self, caller: Caller, action: str, values: Mapping[str, Values]) -> str:
        return refusal(self.policy, request_by(caller, action, self.arn, values), self._owner)
