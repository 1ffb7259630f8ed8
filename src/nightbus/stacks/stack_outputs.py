"""Reads the outputs of other stacks to which Fn::GetStackOutput refers, in this or another region or account.

It makes a weak reference: the value is read whenever the stack is planned, created or updated, and nothing keeps the
other stack from changing it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.stacks.assumed_roles import assume_role
from nightbus.stacks.records import SESSION_NAME
from nightbus.stacks.templates.expressions import StackOutput, template_error
from nightbus.stacks.templates.intrinsics import Evaluator

FUNCTION = "Fn::GetStackOutput"
Outputs = Mapping[StackOutput, str | AwsError]


async def read_stack_outputs(
    document: Mapping[str, Any], expressions: Evaluator, operations: Operations, call: Call
) -> Outputs:
    """Return the outputs that the template refers to. One that cannot be read has the error instead, which counts only
    if the reference is evaluated. `expressions` evaluates the references; `call` reads the other stacks."""
    arguments = list(_arguments([document.get("Resources"), document.get("Outputs")]))
    wanted = dict.fromkeys(wanted for one in arguments if (wanted := _wanted(one, expressions)) is not None)
    return {one: await _read(one, operations, call) for one in wanted}


def _arguments(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if len(value) == 1 and FUNCTION in value:
            yield value[FUNCTION]
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _arguments(child)


def _wanted(argument: Any, expressions: Evaluator) -> StackOutput | None:
    try:
        return expressions.stack_output_of(argument)
    except AwsError:
        return None  # raised again where it is evaluated


async def _read(wanted: StackOutput, operations: Operations, call: Call) -> str | AwsError:
    try:
        there = replace(call, scope=_scope(wanted, call.scope))
        if wanted.role:
            caller = await assume_role(operations, call, wanted.role, SESSION_NAME)
            there = replace(there, caller=caller)
        reply = await operations.call("cloudformation", "DescribeStacks", {"StackName": wanted.stack}, there)
    except AwsError as refused:
        return refused
    for output in reply["Stacks"][0].get("Outputs") or ():
        if output["OutputKey"] == wanted.output:
            return str(output["OutputValue"])
    return template_error(f"Output {wanted.output} of stack {wanted.stack} does not exist.")


def _scope(wanted: StackOutput, home: Scope) -> Scope:
    """Return where the other stack is: in the account of the role that reads it."""
    account = home.account
    if wanted.role:
        try:
            account = Arn.parse(wanted.role).account
        except ValueError as wrong:
            raise template_error(f"The RoleArn {wanted.role} in {FUNCTION} is not an ARN.") from wrong
    return Scope(account or home.account, wanted.region or home.region)
