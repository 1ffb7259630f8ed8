"""Whatever a template and its parameters are, they are planned or refused with AWS's error, in bounded time.

`NIGHTBUS_FUZZ_EXAMPLES` says how many of each kind; `test_template_families` tries a million, of all resource types.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus_rig import SCOPE, Rig
from nightbus.aws.errors import AwsError
from nightbus.clock import SystemClock, VirtualClock
from nightbus.stacks.engine import Engine
from nightbus.stacks.planning.plan import plan_changes
from nightbus.stacks.planning.proposal import process, propose
from nightbus.stacks.planning.transformation import NoMacros
from nightbus.stacks.records import Stack
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.templates.java_patterns import MatchingTime, NotAPattern, TimeSpent
from nightbus.stacks.templates.transforms import Transform
from template_strategies import GOOD, VALUES, deployable_documents, parameter_entries, texts

_EXAMPLES = int(os.environ.get("NIGHTBUS_FUZZ_EXAMPLES", "150"))
_REFUSALS = frozenset({"ValidationError", "InsufficientCapabilitiesException", "NotImplementedException"})
_RESTING = frozenset(
    {"CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "DELETE_COMPLETE"}
)
_SLOWEST = 20.0  # seconds, on a machine with much else to do
_LETTERS = st.lists(
    st.sampled_from(
        [
            "a", "b", "[", "]", "[^", "&&", "(", ")", "(?:", "(?=", "(?<n>", "\\k<n>", "*", "+", "?", "*+", "++", "?+",
            "{2}", "{3,}", "{1,999}", "{100000}", "|", "\\Q", "\\E", "\\h", "\\R", "\\X", "\\p{Alpha}", "\\P{L}", "\\b",
            "^", "$", "\\x{1F600}", "\\uD83D", "-", "\\", "(?i)", "(?x)", "\\G", "\\1", ".", "\\p{javaLowerCase}",
        ]
    ),
    max_size=12,
).map("".join)  # fmt: skip
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    """Calls an operation of CloudFormation, and returns its reply or the code of AWS's error."""
    loop = asyncio.new_event_loop()
    folder: Path = tmp_path_factory.mktemp("fuzz")

    async def opened() -> Rig:
        rig = Rig(folder, VirtualClock())
        await rig("PutParameter", "ssm", Name="/a", Value="x,y", Type="StringList")
        await rig("PutParameter", "ssm", Name="/name", Value="topic", Type="String")
        await rig("CreateSecret", "secretsmanager", Name="s", SecretString='{"k": "v"}')
        return rig

    rig = loop.run_until_complete(opened())

    def called(operation: str, **params: Any) -> Any:
        began = time.monotonic()
        try:
            return loop.run_until_complete(rig(operation, "cloudformation", **params))
        except AwsError as refused:
            assert refused.code in _REFUSALS, (refused.code, refused.message)
            return refused.code
        finally:
            assert time.monotonic() - began < _SLOWEST

    called.loop, called.rig = loop, rig  # type: ignore[attr-defined]
    yield called
    loop.run_until_complete(rig.store.close())
    loop.close()


def test_the_good_template_is_planned(call: Call) -> None:
    document = copy.deepcopy(GOOD)
    del document["Resources"]["D"]
    made = call(
        "CreateChangeSet",
        StackName="good",
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(document),
    )
    described = call("DescribeChangeSet", ChangeSetName=made["Id"])
    assert (described["Status"], described.get("StatusReason")) == ("CREATE_COMPLETE", None)
    assert len(described["Changes"]) == 5


_NUMBERS = itertools.count()


@settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts(), parameter_entries())
def test_any_template_is_planned_or_refused(call: Call, text: str, entries: list[dict[str, Any]]) -> None:
    if len(text.encode()) > 51_200:
        return
    call("ValidateTemplate", TemplateBody=text)
    call("GetTemplateSummary", TemplateBody=text)
    made = call(
        "CreateChangeSet",
        StackName="fuzz",
        ChangeSetName=f"c{next(_NUMBERS)}",
        ChangeSetType="CREATE",
        TemplateBody=text,
        Parameters=entries,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    if isinstance(made, dict):
        described = call("DescribeChangeSet", ChangeSetName=made["Id"], IncludePropertyValues=True)
        if described["Status"] == "CREATE_COMPLETE":
            call("GetTemplate", ChangeSetName=made["Id"], TemplateStage="Processed")


class AnyMacro(NoMacros):
    """A macro that gives one section of a template, or a whole fragment, any value."""

    def __init__(self, section: str, value: Any) -> None:
        self.section, self.value = section, value

    async def run(self, transform: Transform, fragment: Any, values: Mapping[str, Any], whole: bool) -> Any:
        return {**fragment, self.section: self.value} if whole and self.section else self.value


@settings(max_examples=_EXAMPLES, deadline=None)
@given(
    st.sampled_from(
        ["", "Resources", "Conditions", "Outputs", "Mappings", "Parameters", "Rules", "Metadata", "X"]
    ),
    VALUES,
    st.sampled_from([["Mine"], ["Mine", "AWS::LanguageExtensions"], ["AWS::LanguageExtensions", "Mine"]]),
)
def test_whatever_a_macro_returns_is_checked(section: str, value: Any, transforms: list[str]) -> None:
    document = {**copy.deepcopy(GOOD), "Transform": transforms}
    stack = Stack("arn:aws:cloudformation:eu-west-1:1:stack/s/1", "s", "CREATE_IN_PROGRESS", 1)
    with contextlib.suppress(AwsError):
        proposal = propose(json.dumps(document), [], {}, {}, [])
        deployment = asyncio.run(process(proposal, SCOPE, stack, AnyMacro(section, value)))
        plan_changes(SCOPE, stack, None, deployment, {}, RESOURCE_TYPES, {})


@pytest.fixture(scope="module")
def stacks(call: Call) -> Iterator[Call]:
    """Calls an operation that starts one on the stack of the time, and returns the stack's status at its end."""
    loop, rig = call.loop, call.rig  # type: ignore[attr-defined]
    engine = Engine(rig.store, SystemClock(), rig.operations, rig.platform.vault)
    rig.operations.attach(dataclasses.replace(rig.platform, stacks=engine))
    working: asyncio.Task[None] = loop.create_task(engine.run())

    number = [0]  # a stack may leave resources behind, so each has a name of its own

    def ended(operation: str, **params: Any) -> str:
        made = call(
            operation,
            StackName=f"deployed-{number[0]}",
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            **params,
        )
        if not isinstance(made, dict):
            return str(made)
        id = made["StackId"]
        loop.run_until_complete(asyncio.wait_for(engine.settled(SCOPE, id), _SLOWEST))
        return str(call("DescribeStacks", StackName=id)["Stacks"][0]["StackStatus"])

    def delete() -> str:
        """Delete the stack, and go on to the next one."""
        found = call("DescribeStacks", StackName=f"deployed-{number[0]}")
        number[0] += 1
        if not isinstance(found, dict):
            return str(found)
        id = found["Stacks"][0]["StackId"]
        loop.run_until_complete(rig("DeleteStack", "cloudformation", StackName=id))
        loop.run_until_complete(asyncio.wait_for(engine.settled(SCOPE, id), _SLOWEST))
        return str(call("DescribeStacks", StackName=id)["Stacks"][0]["StackStatus"])

    ended.delete = delete  # type: ignore[attr-defined]
    yield ended
    working.cancel()
    loop.run_until_complete(asyncio.gather(working, return_exceptions=True))
    loop.run_until_complete(engine.close())


def test_the_good_template_is_deployed(stacks: Call) -> None:
    document = copy.deepcopy(GOOD)
    del document["Resources"]["D"]
    assert stacks("CreateStack", TemplateBody=json.dumps(document)) == "CREATE_COMPLETE"
    assert stacks.delete() == "DELETE_COMPLETE"  # type: ignore[attr-defined]


@settings(max_examples=max(_EXAMPLES // 5, 1), deadline=None, suppress_health_check=list(HealthCheck))
@given(deployable_documents(), deployable_documents())
def test_any_stack_comes_to_rest_and_can_be_deleted(stacks: Call, first: Any, second: Any) -> None:
    bodies = [json.dumps(one) for one in (first, second)]
    if any(len(one.encode()) > 51_200 for one in bodies):
        return
    statuses = [stacks("CreateStack", TemplateBody=bodies[0]), stacks("UpdateStack", TemplateBody=bodies[1])]
    statuses.append(stacks.delete())  # type: ignore[attr-defined]
    for status in statuses:
        assert status in _REFUSALS | _RESTING
    assert statuses[-1] in ("DELETE_COMPLETE", "ValidationError")


@settings(max_examples=_EXAMPLES, deadline=None)
@given(_LETTERS, st.text("ab-\U0001f600\n ", max_size=30))
def test_any_pattern_matches_or_does_not_in_bounded_time(pattern: str, text: str) -> None:
    began = time.monotonic()
    with contextlib.suppress(NotAPattern, TimeSpent):
        MatchingTime().matches(pattern, text)
    assert time.monotonic() - began < _SLOWEST
