"""Judges every resource of a template before a deployment: does this node make it, refuse it, or forward to elsewhere?

Pure. `plan_changes` ends at the first refusal, since nothing is made after one; an assessment names all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.errors import AwsError, unsupported
from nightbus.stacks.interface import JudgesValues, ResourceType, has_further_properties
from nightbus.stacks.planning.plan import Refusal
from nightbus.stacks.resolution import chosen_resources, evaluate_conditions
from nightbus.stacks.templates.expressions import NO_VALUE
from nightbus.stacks.templates.intrinsics import Evaluator
from nightbus.stacks.templates.schema_validation import check_properties
from nightbus.stacks.templates.template import UNSUPPORTED_MEMBERS, Template

# Returns where parts of a resource lie outside the node, one sentence for each.
Elsewhere = Callable[[str, Mapping[str, Any]], list[str]]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What this node does with one resource. `skipped`: its condition does not hold, so nothing of it is made.

    `refusals` are the reasons why the node refuses it, `errors` those why CloudFormation would, and `elsewhere` says
    which of its targets other endpoints serve. `properties` are those of the template, evaluated; what only a
    deployment tells is UNKNOWN.
    """

    logical_id: str
    type_name: str
    refusals: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    skipped: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_supported(self) -> bool:
        return not self.refusals and not self.errors


def assess(
    template: Template,
    expressions: Evaluator,
    types: Mapping[str, ResourceType],
    refusal: Refusal,
    elsewhere: Elsewhere,
) -> list[Assessment]:
    """Return an assessment for each resource, in the template's order. Raises AwsError if a condition has no value."""
    chosen = chosen_resources(template, evaluate_conditions(expressions))
    return [
        _assess_one(name, declared, expressions, types, refusal, elsewhere)
        if name in chosen
        else Assessment(name, str(declared["Type"]), skipped=True)
        for name, declared in template.resources.items()
    ]


def _assess_one(
    name: str,
    declared: Mapping[str, Any],
    expressions: Evaluator,
    types: Mapping[str, ResourceType],
    refusal: Refusal,
    elsewhere: Elsewhere,
) -> Assessment:
    type_name = str(declared["Type"])
    try:
        kind = types[type_name]
    except KeyError:
        return Assessment(
            name, type_name, (f"The resource type {type_name} is not supported by Nightbus yet.",)
        )
    problems = [unsupported(f"The attribute {one}") for one in sorted(UNSUPPORTED_MEMBERS & set(declared))]
    try:
        value = expressions.evaluate(declared.get("Properties") or {})
    except AwsError as error:
        return _from_problems(name, type_name, [*problems, error], [])
    properties = (
        {key: one for key, one in value.items() if one is not NO_VALUE} if isinstance(value, dict) else {}
    )
    problems += _property_problems(name, kind, properties)
    problem = refusal(type_name, properties)
    problems += [problem] if problem is not None else []
    return _from_problems(name, type_name, problems, elsewhere(type_name, properties), properties)


def _property_problems(name: str, kind: ResourceType, properties: Mapping[str, Any]) -> list[AwsError]:
    problems = []
    is_open = has_further_properties(kind)
    supported = {key: value for key, value in properties.items() if is_open or key in kind.properties}
    for checked in [supported, *({key: properties[key]} for key in properties if key not in supported)]:
        try:
            check_properties(
                name, kind.type_name, kind.properties, checked, structure_only=True, is_open=is_open
            )
        except AwsError as error:
            if checked is supported or "not supported" in error.message or "extraneous key" in error.message:
                problems.append(error)
    refused = kind.unsupported(properties) if isinstance(kind, JudgesValues) else None
    return [*problems, unsupported(refused)] if refused is not None else problems


def _from_problems(
    name: str,
    type_name: str,
    problems: list[AwsError],
    elsewhere: list[str],
    properties: Mapping[str, Any] | None = None,
) -> Assessment:
    refusals = tuple(one.message for one in problems if one.code == "NotImplementedException")
    errors = tuple(one.message for one in problems if one.code != "NotImplementedException")
    return Assessment(name, type_name, refusals, errors, tuple(elsewhere), properties=properties or {})
