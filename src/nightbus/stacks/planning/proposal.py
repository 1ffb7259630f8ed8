"""Makes a `Deployment` from a template's text, parameters and tags."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.stacks.planning.transformation import Macros, NoMacros, transformed
from nightbus.stacks.records import Deployment, Stack
from nightbus.stacks.resolution import evaluator, pseudo_parameters
from nightbus.stacks.templates import capabilities
from nightbus.stacks.templates.parameters import resolve, typed
from nightbus.stacks.templates.removal_policies import with_policies
from nightbus.stacks.templates.rules import failed_assertions
from nightbus.stacks.templates.template import Template, check_template, processed_template, read_template
from nightbus.stacks.templates.transforms import EXTENSIONS

MAX_TAGS = 50


@dataclass(frozen=True)
class Proposal:
    """The template of a request with its parameter values, before any transform."""

    text: str
    template: Template
    values: dict[str, str]
    tags: dict[str, str]
    capabilities: Sequence[str]
    role_arn: str
    resolved: dict[str, str] = field(default_factory=dict)  # values from Parameter Store, by parameter

    @property
    def has_transforms(self) -> bool:
        return bool(self.template.transforms)

    @property
    def effective(self) -> dict[str, str]:
        """The values that Ref evaluates to."""
        return {**self.values, **self.resolved}


def propose(
    text: str,
    parameters: Sequence[Mapping[str, Any]],
    previous: Mapping[str, str],
    tags: Mapping[str, str],
    acknowledged: Sequence[str],
    role_arn: str = "",
) -> Proposal:
    """Check what CloudFormation checks before it answers: syntax, structure and parameters.

    A template without a transform is checked completely.

    Raises AwsError.
    """
    return propose_template(text, read_template(text), parameters, previous, tags, acknowledged, role_arn)


def propose_template(
    text: str,
    template: Template,
    parameters: Sequence[Mapping[str, Any]],
    previous: Mapping[str, str],
    tags: Mapping[str, str],
    acknowledged: Sequence[str],
    role_arn: str = "",
) -> Proposal:
    """As `propose`, of a text that has been read: `template`."""
    values = resolve(template.parameters, parameters, previous)
    proposal = Proposal(text, template, values, dict(tags), acknowledged, role_arn)
    if not proposal.has_transforms:
        check_template(template)
        capabilities.check_capabilities(template, acknowledged)
    return proposal


async def process(proposal: Proposal, scope: Scope, stack: Stack, macros: Macros | None = None) -> Deployment:
    """Transform the template and check the result. Raises AwsError.

    `macros` are those of the account, none by default.
    """
    template = proposal.template
    values = proposal.values
    refuse_broken_rules(proposal, scope, stack)
    if proposal.has_transforms:
        typed_values = typed(template.parameters, proposal.effective)
        pseudo = pseudo_parameters(scope, stack.id, stack.name)
        document = await transformed(template.document, typed_values, pseudo, macros or NoMacros())
        extended = EXTENSIONS in template.transforms
        template = await asyncio.to_thread(processed_template, document, extended)
        capabilities.check_capabilities(template, proposal.capabilities)
        values = _values_of(template, proposal.values)
    deployment = Deployment(
        new_uuid(),
        proposal.text,
        dict(template.document),
        values,
        proposal.tags,
        list(proposal.capabilities),
        proposal.role_arn,
        resolved=proposal.resolved,
    )
    deployment.processed = with_policies(deployment.processed, evaluator(deployment, scope, stack))
    return deployment


def refuse_broken_rules(proposal: Proposal, scope: Scope, stack: Stack) -> None:
    """Raise AwsError ValidationError if an assertion of the template's rules does not hold."""
    declared = proposal.template.parameters
    values = typed(declared, proposal.effective) | pseudo_parameters(scope, stack.id, stack.name)
    types = {name: str(one["Type"]) for name, one in declared.items()}
    failed = failed_assertions(proposal.template.section("Rules"), values, types)
    if failed:
        raise AwsError("ValidationError", "\n".join(failed))


def _values_of(template: Template, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of the processed template's parameters: a transform may add some with a default."""
    known = {name: text for name, text in values.items() if name in template.parameters}
    added = {name: one for name, one in template.parameters.items() if name not in known}
    return {**known, **resolve(added, [], {})} if added else known


def stack_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the stack's tags by key. Raises AwsError ValidationError."""
    if len(tags) > MAX_TAGS:
        raise AwsError("ValidationError", f"Stack tags must not exceed {MAX_TAGS}")
    by_key: dict[str, str] = {}
    for tag in tags:
        key = tag["Key"]
        if key.startswith("aws:"):
            raise AwsError("ValidationError", "aws: prefixed tag key names are not allowed for external use.")
        if key in by_key:
            raise AwsError("ValidationError", f"Duplicate tag key {key}")
        by_key[key] = tag["Value"]
    return by_key
