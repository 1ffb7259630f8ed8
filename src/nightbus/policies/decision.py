"""Defines what an evaluation answers: whether the request is allowed, and which policy says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class PolicyKind(Enum):
    """The kinds of policies, by the words of AWS's refusals."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    TRUST = "role trust policy"


class Effect(Enum):
    ALLOW = "allow"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy says: its effect, and the statements that apply (by `Sid`, or by their number from 0)."""

    kind: PolicyKind
    policy: str  # its ARN, or its name for an inline policy
    effect: Effect
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on one request. `kind` is the kind of policy that decided a refusal; `reason` ends AWS's text of the
    refusal ("because no identity-based policy allows the events:PutEvents action", "with an explicit deny in ...")."""

    effect: Effect
    kind: PolicyKind | None = None
    reason: str = ""
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def is_allowed(self) -> bool:
        return self.effect is Effect.ALLOW
