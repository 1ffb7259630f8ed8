"""Assesses a template as the engine reads it: transformed, and with a value for each parameter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.cli.checking.sources import Source
from nightbus.delivery.forwarding.kinds import kind_of
from nightbus.services.cloudformation.rule_targets import target_arns, unreachable_target
from nightbus.stacks.planning.assessment import Assessment, assess
from nightbus.stacks.planning.proposal import Proposal, process
from nightbus.stacks.planning.transformation import NoMacros
from nightbus.stacks.records import Stack
from nightbus.stacks.resolution import evaluator
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.templates.expressions import has_unknown, text_of
from nightbus.stacks.templates.parameters import resolve
from nightbus.stacks.templates.template import Template, check_template, read_template
from nightbus.stacks.templates.transforms import Transform

_ASSUMED_TEXT = "assumed"
_ASSUMED_LIST = "assumed1,assumed2,assumed3"  # Fn::Select often takes the second or third element
_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


@dataclass(frozen=True, slots=True)
class Report:
    """What a node does with one template. `error` says why the template as a whole is refused, empty if it is not.

    `assumed` has the values that were taken for the parameters without a value, `macros` the names of those that only
    a node can run: what they change in the template is not assessed.
    """

    name: str
    assessments: list[Assessment] = field(default_factory=list)
    assumed: dict[str, str] = field(default_factory=dict)
    macros: list[str] = field(default_factory=list)
    error: str = ""

    def parameters_of(self, logical_id: str) -> dict[str, str]:
        """Return the parameters that a nested stack gets, without those that only a deployment knows."""
        given = next((one.properties for one in self.assessments if one.logical_id == logical_id), {})
        parameters = given.get("Parameters")
        if not isinstance(parameters, Mapping):
            return {}
        return {name: _parameter_text(value) for name, value in parameters.items() if not has_unknown(value)}

    @property
    def is_supported(self) -> bool:
        return not self.error and all(one.is_supported for one in self.assessments)


class _SkippedMacros(NoMacros):
    """Leaves every fragment as it is, and collects the macros' names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def run(self, transform: Transform, fragment: Any, values: Mapping[str, Any], whole: bool) -> Any:
        self.names.append(transform.name)
        return fragment


async def assess_source(
    source: Source, overrides: Mapping[str, str], forwards: Mapping[str, str], scope: Scope
) -> Report:
    """Return the report on a template. `overrides` are values of parameters, `forwards` the endpoints of services
    outside the node."""
    assumed: dict[str, str] = {}
    macros = _SkippedMacros()
    try:
        text = json.dumps(source.document, default=str)
        template = read_template(text)
        assumed = _assumed_values(template, overrides)
        own = {name: value for name, value in overrides.items() if name in template.parameters}
        entries = [{"ParameterKey": name, "ParameterValue": value} for name, value in own.items()]
        declared = {name: one for name, one in template.parameters.items() if name not in assumed}
        values = {**resolve(declared, entries, {}), **assumed}
        proposal = Proposal(text, template, values, {}, _CAPABILITIES, "")
        if not proposal.has_transforms:
            check_template(template)
        stack = Stack("arn:aws:cloudformation:::stack/checked/0", "checked", "REVIEW_IN_PROGRESS", 0)
        deployment = await process(proposal, scope, stack, macros)
        judge = partial(unreachable_target, forwards=forwards)
        elsewhere = partial(_forwarded, forwards=forwards)
        expressions = evaluator(deployment, scope, stack)
        assessments = assess(Template(deployment.processed), expressions, RESOURCE_TYPES, judge, elsewhere)
    except AwsError as error:
        return Report(source.name, assumed=assumed, error=error.message)
    return Report(source.name, assessments, assumed, sorted(set(macros.names)))


def _forwarded(type_name: str, properties: Mapping[str, Any], forwards: Mapping[str, str]) -> list[str]:
    if type_name != "AWS::Events::Rule":
        return []
    kinds = ((arn, kind_of(arn)) for arn in target_arns(properties.get("Targets")))
    return [
        f"Target {arn} lies at {forwards[kind.setting]}."
        for arn, kind in kinds
        if kind is not None and kind.setting in forwards
    ]


def _parameter_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(text_of(one, "Parameters") for one in value)
    return text_of(value, "Parameters")


def _assumed_values(template: Template, overrides: Mapping[str, str]) -> dict[str, str]:
    return {
        name: _assumed_value(declared)
        for name, declared in template.parameters.items()
        if "Default" not in declared and name not in overrides
    }


def _assumed_value(declared: Mapping[str, Any]) -> str:
    allowed = declared.get("AllowedValues")
    if isinstance(allowed, list) and allowed:
        return text_of(allowed[0], "AllowedValues")
    if "Number" in str(declared.get("Type")):
        return str(declared.get("MinValue", 1))
    if "List" in str(declared.get("Type")):
        return _ASSUMED_LIST
    return _ASSUMED_TEXT
