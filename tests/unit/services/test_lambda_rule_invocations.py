"""A rule's invocation is queued in the event's own commit where Invoke would take it, as the records are now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambda_rig import Rig, code, rig
from nightbus.aws.calls import Caller
from nightbus.delivery.buses import caller_for_rule
from nightbus.services.lambda_.invocations.by_rules import RuleInvocations
from nightbus.services.lambda_.invocations.queued import QUEUE, QueuedInvocation
from nightbus.services.lambda_.records import OF_AN_INVOCATION
from nightbus.store.interface import SYSTEM, Enqueue
from nightbus.store.known_records import KnownRecords

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/orders"
ROLE = "arn:aws:iam::123456789012:role/caller"
EVENT = b'{"detail":{"a":1}}'


@pytest.fixture
async def aws(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        await made.create()
        yield made


@pytest.fixture
def invocations(aws: Rig) -> RuleInvocations:
    return RuleInvocations(aws.store, KnownRecords(aws.store, OF_AN_INVOCATION))


def by_rule(rule: str = RULE, role: str | None = None) -> Caller:
    return caller_for_rule("123456789012", rule, role)


async def asked(
    invocations: RuleInvocations,
    arn: str = ARN,
    caller: Caller | None = None,
    payload: bytes = EVENT,
    *,
    whole: bool = True,
) -> Enqueue | None:
    return await invocations.enqueue(arn, caller or by_rule(), "id", payload, 7, "Root=1", whole=whole)


async def permit(aws: Rig, **options: str) -> None:
    principal = {"Principal": "events.amazonaws.com", "Action": "lambda:InvokeFunction", "StatementId": "s"}
    await aws("lambda", "AddPermission", FunctionName="worker", **(principal | options))


async def test_it_is_what_invoke_would_queue(aws: Rig, invocations: RuleInvocations) -> None:
    await permit(aws, SourceArn=RULE)
    found = await asked(invocations)
    assert found is not None
    assert (found.scope, found.queue, found.due) == (SYSTEM, QUEUE, 7)
    invocation = QueuedInvocation.decoded(found.data)
    assert (invocation.ref.qualified_arn, invocation.request_id, invocation.trace) == (ARN, "id", "Root=1")
    assert (invocation.payload.encode(), invocation.accepted) == (EVENT, 7)


async def test_the_policy_as_it_is_now(aws: Rig, invocations: RuleInvocations) -> None:
    assert await asked(invocations) is None
    await permit(aws, SourceArn=RULE)
    assert await asked(invocations) is not None
    assert await asked(invocations, caller=by_rule(RULE + "2")) is None
    await aws("lambda", "RemovePermission", FunctionName="worker", StatementId="s")
    assert await asked(invocations) is None
    assert (
        await asked(invocations, caller=by_rule(role=ROLE)) is not None
    )  # a role needs no word of the policy


async def test_the_function_as_it_is_now(aws: Rig, invocations: RuleInvocations) -> None:
    await permit(aws)
    assert await asked(invocations) is not None
    await aws("lambda", "DeleteFunction", FunctionName="worker")
    assert await asked(invocations) is None
    await aws.create(Code={"ZipFile": code("def handler(event, context): pass")})
    assert await asked(invocations) is None  # its policy went with the one before
    await permit(aws)
    assert await asked(invocations) is not None


async def test_versions_and_aliases_have_policies_of_their_own(
    aws: Rig, invocations: RuleInvocations
) -> None:
    await permit(aws)
    for qualifier in ("1", "live"):
        assert await asked(invocations, f"{ARN}:{qualifier}") is None
    await aws("lambda", "PublishVersion", FunctionName="worker")
    await aws("lambda", "CreateAlias", FunctionName="worker", Name="live", FunctionVersion="1")
    for qualifier in ("1", "live"):
        assert await asked(invocations, f"{ARN}:{qualifier}") is None
        assert await asked(invocations, f"{ARN}:{qualifier}", by_rule(role=ROLE)) is not None
        await permit(aws, Qualifier=qualifier)
        found = await asked(invocations, f"{ARN}:{qualifier}")
        assert found is not None
        assert QueuedInvocation.decoded(found.data).qualifier == qualifier
    await aws("lambda", "DeleteAlias", FunctionName="worker", Name="live")
    assert await asked(invocations, f"{ARN}:live") is None


@pytest.mark.parametrize(
    "arn",
    ["arn:aws:lambda:eu-west-1:123456789012:function:none", "arn:aws:lambda:us-east-1:123456789012:function:worker",
     "arn:aws:lambda:eu-west-1:210987654321:function:worker", f"{ARN}:a:b", f"{ARN} "],
)  # fmt: skip
async def test_what_is_not_there(aws: Rig, invocations: RuleInvocations, arn: str) -> None:
    await permit(aws)
    assert await asked(invocations, arn, by_rule(role=ROLE)) is None


@pytest.mark.parametrize("payload", [b"no JSON", b'"\xff"', b'"' + b"x" * 1_048_576 + b'"'])
async def test_a_payload_that_invoke_refuses(aws: Rig, invocations: RuleInvocations, payload: bytes) -> None:
    await permit(aws)
    assert await asked(invocations, payload=payload, whole=False) is None
