"""Each resource comes after those that it refers to or depends on; a circle among them is named."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.stacks.operations.parallel_steps import run_steps
from nightbus.stacks.templates.graph import dependencies, order, reverse

_NAMES = [f"R{at}" for at in range(8)]


@st.composite
def _acyclic(draw: st.DrawFn) -> dict[str, frozenset[str]]:
    names = draw(st.permutations(_NAMES))
    return {
        name: frozenset(draw(st.sets(st.sampled_from(names[:at]))) if at else ())
        for at, name in enumerate(names)
    }


@given(_acyclic())
def test_everything_comes_after_what_it_needs(graph: dict[str, frozenset[str]]) -> None:
    placed = order(graph)
    assert sorted(placed) == sorted(graph)
    assert all(placed.index(need) < placed.index(name) for name, needs in graph.items() for need in needs)
    assert order(reverse(graph)) and reverse(reverse(graph)) == graph


@given(_acyclic(), st.sets(st.sampled_from(_NAMES)))
def test_a_walk_never_begins_what_needs_a_failure(
    graph: dict[str, frozenset[str]], failing: set[str]
) -> None:
    begun: list[str] = []

    async def step(name: str) -> bool:
        assert graph[name] <= set(begun) - failing
        begun.append(name)
        await asyncio.sleep(0)
        return name not in failing

    walked = asyncio.run(run_steps(graph, step, go_on=True))
    assert sorted([*begun, *walked.untouched]) == sorted(graph)
    assert set(walked.failed) == failing & set(begun)


def test_dependencies_come_from_references_and_depends_on() -> None:
    resources: dict[str, dict[str, Any]] = {
        "A": {"Properties": {"P": [{"Fn::Sub": "${B.Arn}/${AWS::Region}"}, {"Ref": "Param"}]}},
        "B": {"Properties": {"P": {"Fn::If": ["Yes", {"Ref": "C"}, {"Fn::GetAtt": ["D", "Arn"]}]}}},
        "C": {"DependsOn": ["D"]},
        "D": {},
    }
    assert dependencies(resources) == {
        "A": frozenset("B"),
        "B": frozenset("CD"),
        "C": frozenset("D"),
        "D": frozenset(),
    }
    assert dependencies(resources, ["A", "B", "D"], {"Yes": False})["B"] == frozenset("D")


def test_a_cycle_is_named() -> None:
    with pytest.raises(AwsError, match=r"Circular dependency between resources: \[A, B\]"):
        order({"A": frozenset("B"), "B": frozenset("A"), "C": frozenset("A"), "D": frozenset()})
