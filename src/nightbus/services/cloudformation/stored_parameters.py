"""Reads from Parameter Store the values of parameters of the types AWS::SSM::Parameter::*."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.stacks.planning.proposal import Proposal
from nightbus.stacks.templates.parameter_types import STORED_NAME, read_type

_BATCH = 10  # the most names that GetParameters takes


async def with_stored_values(ctx: Context, proposal: Proposal) -> Proposal:
    """Return the proposal with the values of its parameters in Parameter Store, read now. Raises AwsError."""
    declared = proposal.template.parameters
    types = {name: read_type(str(declared[name]["Type"])) for name in proposal.values}
    wanted = {
        name: text
        for name, text in proposal.values.items()
        if (kind := types[name]) is not None and (kind.stored or kind.item == STORED_NAME)
    }
    if not wanted:
        return proposal
    found = await _read(ctx, dict.fromkeys(wanted.values()))
    absent = [text for text in dict.fromkeys(wanted.values()) if text not in found]
    if absent:
        raise AwsError(
            "ValidationError",
            f"Unable to fetch parameters [{','.join(absent)}] from parameter store for this account.",
        )
    resolved = {
        name: found[text]
        for name, text in wanted.items()
        if (kind := types[name]) is not None and kind.stored
    }
    _refuse_secure(proposal.values[name] for name, one in resolved.items() if one["Type"] == "SecureString")
    return replace(proposal, resolved={name: str(one["Value"]) for name, one in resolved.items()})


def _refuse_secure(names: Iterable[str]) -> None:
    secure = sorted(set(names))
    if secure:
        raise AwsError(
            "ValidationError",
            f"Parameters [{','.join(secure)}] referenced by template have types not supported by CloudFormation.",
        )


def _as_validation_error(refused: AwsError) -> AwsError:
    """Return what CloudFormation answers where Parameter Store refuses the request."""
    if (
        refused.code == "AccessDeniedException"
    ):  # the text is that of https://github.com/aws/aws-cdk/issues/20959
        text = "AccessDenied. User doesn't have permission to call ssm:GetParameters"
        return AwsError("ValidationError", text)
    if refused.code == "ValidationException":  # a name that no parameter can have, for example
        return AwsError("ValidationError", refused.message, refused.status)
    return refused


async def _read(ctx: Context, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the parameters by the names with which they were asked for: with a version or a label, or as an ARN."""
    asked = list(names)
    found: dict[str, Mapping[str, Any]] = {}
    for first in range(0, len(asked), _BATCH):
        batch = asked[first : first + _BATCH]
        try:
            reply = await ctx.operation("ssm", "GetParameters", Names=batch)
        except AwsError as refused:
            raise _as_validation_error(refused) from refused
        for one in reply.get("Parameters") or ():
            selector = one.get("Selector") or ""
            for name in (one["Name"] + selector, str(one.get("ARN")) + selector):
                if name in batch:
                    found[name] = one
    return found
