"""Makes a `Deployment` of a template's text, parameters and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.stacks.records import Deployment, Stack
from nightbus.stacks.resolution import evaluator
from nightbus.stacks.templates import capabilities
from nightbus.stacks.templates.parameters import resolve, typed
from nightbus.stacks.templates.removal_policies import with_policies
from nightbus.stacks.templates.sam import transform_sam
from nightbus.stacks.templates.template import EXTENSIONS, SERVERLESS, Template, check_template, read_template

MAX_TAGS = 50


@dataclass(frozen=True)
class Proposal:
    """The template as sent with its values, before any transform."""

    text: str
    template: Template
    values: dict[str, str]
    tags: dict[str, str]
    capabilities: Sequence[str]
    role_arn: str

    @property
    def is_serverless(self) -> bool:
        return SERVERLESS in self.template.transforms


def propose(
    text: str,
    given: Sequence[Mapping[str, Any]],
    previous: Mapping[str, str],
    tags: Mapping[str, str],
    acknowledged: Sequence[str],
    role_arn: str = "",
) -> Proposal:
    """What CloudFormation answers at once: syntax, structure, parameters and, without a transform, the rest.

    Raises AwsError.
    """
    template = read_template(text)
    values = resolve(template.parameters, given, previous)
    found = Proposal(text, template, values, dict(tags), acknowledged, role_arn)
    if not found.is_serverless:
        check_template(template)
        capabilities.check(template, acknowledged)
    return found


async def process(proposal: Proposal, scope: Scope, stack: Stack) -> Deployment:
    """The rest: transform, then the checks of its result. Raises AwsError."""
    template = proposal.template
    if proposal.is_serverless:
        template = await expand(template, proposal.values, scope)
        check_template(template)
        capabilities.check(template, proposal.capabilities)
    deployment = Deployment(
        new_uuid(),
        proposal.text,
        dict(template.document),
        proposal.values,
        proposal.tags,
        list(proposal.capabilities),
        proposal.role_arn,
    )
    deployment.processed = with_policies(deployment.processed, evaluator(deployment, scope, stack))
    return deployment


async def expand(template: Template, values: Mapping[str, str], scope: Scope) -> Template:
    """Without SAM resources. AWS::LanguageExtensions stays named, since its functions are evaluated later."""
    document = await transform_sam(template.document, typed(template.parameters, values), scope.region)
    if EXTENSIONS in template.transforms:
        document["Transform"] = EXTENSIONS
    return Template(document)


def tags_of(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The stack's tags by key. Raises AwsError ValidationError."""
    if len(given) > MAX_TAGS:
        raise AwsError("ValidationError", f"Stack tags must not exceed {MAX_TAGS}")
    found: dict[str, str] = {}
    for tag in given:
        key = tag["Key"]
        if key.startswith("aws:"):
            raise AwsError("ValidationError", "aws: prefixed tag key names are not allowed for external use.")
        if key in found:
            raise AwsError("ValidationError", f"Duplicate tag key {key}")
        found[key] = tag["Value"]
    return found
