"""Every request of AWS's documentation gets the decision that AWS documents."""

from __future__ import annotations

import time

import pytest

from decisions import Decided, decided, logic, operators, principals, services, variables
from nightbus.policies.decision import Effect
from nightbus.policies.evaluation import decide, explain, refusal_text

GROUPS = [*logic.GROUPS, *operators.GROUPS, *variables.GROUPS, *principals.GROUPS, *services.GROUPS]
TABLE = [*decided(GROUPS)]


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.line)
def test_it_is_decided_as_aws_documents(line: Decided) -> None:
    decision = decide(line.request, line.policies, line.owner)
    assert decision.effect is line.effect, f"{line.group.source}: {decision.reason}"


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) >= 300


def test_every_policys_verdict_agrees_with_the_decision() -> None:
    for line in TABLE:
        decision = explain(line.request, line.policies, line.owner)
        effects = [verdict.effect for verdict in decision.verdicts]
        denied = decision.effect is Effect.EXPLICIT_DENY
        assert (Effect.EXPLICIT_DENY in effects) is denied or line.effect is Effect.ALLOW
        assert decision.is_allowed or line.request.action in refusal_text(line.request, decision)


def test_a_decision_is_quick() -> None:
    """A bound for busy machines; `bench/policies.py` measures, and takes a tenth of it."""
    best = min(_seconds_of_a_round() for _ in range(3))
    assert best / len(TABLE) < 120e-6


def _seconds_of_a_round() -> float:
    asked = [(line.request, line.policies, line.owner) for line in TABLE]
    for one in asked:
        decide(*one)
    began = time.process_time()
    for one in asked:
        decide(*one)
    return time.process_time() - began
