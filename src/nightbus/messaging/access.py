"""Judges the policy of a queue or a topic: its owner needs no statement, AWS services need one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Caller
from nightbus.aws.resource_policy import PolicyRequest, Values, not_allowed, refusal, statements_of

_MOST_REMEMBERED = 1000
_NONE: Mapping[str, Values] = {}

# What an account's root may do whatever is denied to everybody, so that a policy can always be mended:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-tasks.html
_MENDING = frozenset(
    {
        "sqs:getqueueattributes", "sqs:setqueueattributes", "sqs:removepermission",
        "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:RemovePermission",
    }
)  # fmt: skip


class Access:
    """The policy of the resource `arn`, which `owner` has. An action is given as the service's refusals spell it.

    What it answers depends on the caller and the action alone, so each is judged once.
    """

    __slots__ = ("_answers", "_arn", "_denies", "_owner", "_statements")

    def __init__(self, arn: str, owner: str, policy: str | None) -> None:
        self._arn = arn
        self._owner = owner
        self._statements = tuple(statements_of(policy))
        self._denies = any(one.get("Effect") != "Allow" for one in self._statements)
        self._answers: dict[tuple[str, str, str, str, str], str] = {}

    def is_open_to(self, account: str) -> bool:
        """Whether nothing has to be asked: the resource is the account's own, and nobody is denied anything."""
        return account == self._owner and not self._denies

    def admits(self, service: str, source_arn: str, action: str, source_account: str = "") -> bool:
        """Whether the AWS service may, acting for `source_arn`, whose account counts where the ARN has one."""
        return not self._answer(action, service, source_arn, source_account, "")

    def refusal(self, caller: Caller, action: str, values: Mapping[str, Values] | None = None) -> str:
        """Why the caller may not do `action`, in AWS's words; "" if it may. `values` are those of condition keys."""
        if not caller.arn:
            return self._answer(action, caller.service, caller.source_arn, caller.account, "")
        if self.is_open_to(caller.account):
            return ""
        request = (action, caller.service, "", caller.account, caller.arn)
        return self._answer(*request) if values is None else self._judged(*request, values)

    def refusal_but_to_owner(self, caller: Caller, action: str) -> str:
        """The same for an action that no policy can give to others."""
        if caller.arn and caller.account == self._owner:
            return self.refusal(caller, action)
        return not_allowed(
            PolicyRequest(caller.service, action, self._arn, account=caller.account, arn=caller.arn)
        )

    def _answer(self, action: str, service: str, source_arn: str, account: str, arn: str) -> str:
        request = (action, service, source_arn, account, arn)
        answer = self._answers.get(request)
        if answer is None:
            if len(self._answers) >= _MOST_REMEMBERED:
                self._answers.clear()
            answer = self._answers[request] = self._judged(*request, _NONE)
        return answer

    def _judged(
        self, action: str, service: str, source_arn: str, account: str, arn: str, values: Mapping[str, Values]
    ) -> str:
        """`account` and `arn` are a user's or role's.

        A service has no ARN, and the account is that of its source, which counts where the source's ARN has none.
        """
        if action in _MENDING and arn == f"arn:aws:iam::{self._owner}:root":
            return ""
        source_account = source_arn.split(":")[4] if source_arn.count(":") > 4 else ""
        if not arn:
            source_account, account = source_account or account, ""
        request = PolicyRequest(service, action, self._arn, source_arn, source_account, account, arn, values)
        return refusal(self._statements, request, self._owner)
