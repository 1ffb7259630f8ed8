"""Makes a `Deployment` from a template's text, parameters and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.stacks.records import Deployment, Stack
from nightbus.stacks.resolution import evaluator, pseudo_parameters
from nightbus.stacks.templates import capabilities
from nightbus.stacks.templates.parameters import resolve, typed
from nightbus.stacks.templates.removal_policies import with_policies
from nightbus.stacks.templates.rules import failed_assertions
from nightbus.stacks.templates.sam import transform_sam
from nightbus.stacks.templates.template import EXTENSIONS, SERVERLESS, Template, check_template, read_template

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
    def is_serverless(self) -> bool:
        return SERVERLESS in self.template.transforms

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
    template = read_template(text)
    values = resolve(template.parameters, parameters, previous)
    proposal = Proposal(text, template, values, dict(tags), acknowledged, role_arn)
    if not proposal.is_serverless:
        check_template(template)
        capabilities.check_capabilities(template, acknowledged)
    return proposal


async def process(proposal: Proposal, scope: Scope, stack: Stack) -> Deployment:
    """Transform the template and check the result. Raises AwsError."""
    template = proposal.template
    refuse_broken_rules(proposal, scope, stack)
    if proposal.is_serverless:
        template = await expand(template, proposal.effective, scope)
        check_template(template)
        capabilities.check_capabilities(template, proposal.capabilities)
    deployment = Deployment(
        new_uuid(),
        proposal.text,
        dict(template.document),
        proposal.values,
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


async def expand(template: Template, values: Mapping[str, str], scope: Scope) -> Template:
    """Return the template without SAM resources. The transform AWS::LanguageExtensions stays in its list, since its
    functions are evaluated later."""
    document = await transform_sam(template.document, typed(template.parameters, values), scope.region)
    if EXTENSIONS in template.transforms:
        document["Transform"] = EXTENSIONS
    return Template(document)


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
