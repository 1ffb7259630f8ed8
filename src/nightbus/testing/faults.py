"""Makes targets fail, for as often as a test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightbus.testing.interface import Account


class TargetFaults:
    """`target` is an ARN, the name of a function, or the logical id of a resource of a deployed stack.

    `times`: how often it happens; None, the default: always, until `heal`. Faults of one target happen one after the
    other. They end with the test.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def fail(
        self, target: str, times: int | None = None, *, error: str = "Injected", message: str = "made to fail"
    ) -> None:
        """A function's run ends with this error, without running its code: an asynchronous one is repeated after one
        minute and after two more, and then given up. Of another target the delivery fails, and is tried again."""
        self._add(target, "fail", times, error, message)

    def time_out(self, target: str, times: int | None = None) -> None:
        """As `fail`, by the function's timeout, which is not waited for; another target does not answer."""
        self._add(target, "time_out", times, "Timeout", "The target did not answer in time.")

    def throttle(self, target: str, times: int | None = None) -> None:
        """A function has no room: who waits gets 429 TooManyRequestsException; an asynchronous invocation waits, by
        growing pauses, for up to six hours. Another target answers that there are too many requests."""
        self._add(target, "throttle", times, "ThrottlingException", "Rate exceeded")

    def refuse(
        self,
        target: str,
        times: int | None = None,
        *,
        error: str = "ServiceUnavailable",
        message: str = "made to refuse",
        permanent: bool = False,
    ) -> None:
        """The target's service does not take what a rule has for it (of a function too: Lambda itself does not answer).
        The bus tries again by the rule's retry policy, by default 185 times in 24 hours, and then uses the rule's
        dead-letter queue. With `permanent`, as for a permission that is missing, it does so at once."""
        self._add(target, "refuse", times, error, message, permanent=permanent)

    def heal(self) -> None:
        """Take back all faults of the account."""
        self._account.node.post("testing/heal", {"account": self._account.account})

    def _add(
        self, target: str, kind: str, times: int | None, code: str, message: str, *, permanent: bool = False
    ) -> None:
        arn = self._account.arn_of(target)
        if kind == "throttle" and ":lambda:" in arn:
            code = "ConcurrentInvocationLimitExceeded"
        body: dict[str, str | bool | int] = {"target": arn, "kind": kind, "code": code, "message": message}
        body |= {"permanent": permanent} | ({} if times is None else {"times": times})
        self._account.node.post("testing/fault", body)
