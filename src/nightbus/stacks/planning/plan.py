"""Computes the changes that a deployment would make, in the form of DescribeChangeSet. Pure.

Expressions are evaluated with the existing resources. A value that refers to a new resource is not known yet; AWS calls
its evaluation dynamic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, unsupported
from nightbus.stacks.events import STACK_TYPE
from nightbus.stacks.interface import JudgesValues, ResourceType, has_further_properties
from nightbus.stacks.planning.property_values import DisplayedValues
from nightbus.stacks.records import Deployment, Stack, StackResource
from nightbus.stacks.resolution import chosen_resources, evaluate_conditions, evaluator, outputs_of
from nightbus.stacks.secrecy import MASKED_PROPERTIES, secret_texts
from nightbus.stacks.stack_outputs import Outputs
from nightbus.stacks.templates.dynamic_references import check_count, check_references, hidden
from nightbus.stacks.templates.expressions import NO_VALUE, UNKNOWN, has_unknown
from nightbus.stacks.templates.graph import dependencies, order
from nightbus.stacks.templates.intrinsics import Evaluator
from nightbus.stacks.templates.references import references
from nightbus.stacks.templates.schema_validation import check_properties
from nightbus.stacks.templates.template import UNSUPPORTED_MEMBERS, Template

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_ATTRIBUTES = ("DeletionPolicy", "Metadata", "UpdateReplacePolicy")
# Returns the error if a resource of the type with the properties cannot be made on this node. Unknown values are
# UNKNOWN.
Refusal = Callable[[str, Mapping[str, Any]], AwsError | None]
# Attributes with these endings do not change as long as the physical resource stays.
_LASTING = ("Arn", "Id", "Name")


@dataclass(frozen=True)
class StackPlan:
    """`changes` has wire names and is sorted by logical id. `imports` are the exports that the deployment uses."""

    changes: list[dict[str, Any]]
    imports: list[str]
    outputs: list[dict[str, str]]
    nested: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  # properties of nested stacks that change


@dataclass
class _Outlook:
    """Answers Ref and Fn::GetAtt for a plan: with the physical id if it stays, UNKNOWN if it will be new."""

    resources: Mapping[str, StackResource]
    exports: Mapping[str, str]
    new: set[str] = field(default_factory=set)
    modified: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)

    def reference(self, logical_id: str) -> Any:
        resource = self.resources.get(logical_id)
        if resource is None or resource.current is None or logical_id in self.new:
            return UNKNOWN
        return resource.current.physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        resource = self.resources.get(logical_id)
        if resource is None or resource.current is None or logical_id in self.new:
            return UNKNOWN
        if logical_id in self.modified and not name.endswith(_LASTING):
            return UNKNOWN
        return resource.current.attributes.get(name, UNKNOWN)

    def imported(self, name: str) -> Any:
        if name not in self.exports:
            raise AwsError("ValidationError", f"No export named {name} found.")
        self.imports.add(name)
        return self.exports[name]


def plan_changes(
    scope: Scope,
    stack: Stack,
    old: Deployment | None,
    new: Deployment,
    resources: Mapping[str, StackResource],
    types: Mapping[str, ResourceType],
    exports: Mapping[str, str],
    refusal: Refusal = lambda type_name, properties: None,
    stack_outputs: Outputs | None = None,
) -> StackPlan:
    """Plan the changes from deployment `old` (None for none) to `new`.

    `stack_outputs` are those of other stacks to which the template refers. `refusal` returns the error for a resource
    that this node cannot make. Raises AwsError if the deployment cannot be carried out: an unknown type, an unsupported
    property and the like.
    """
    existing = {name: one for name, one in resources.items() if _exists(one)}
    template = Template(new.processed)
    outlook = _Outlook(existing, exports)
    expressions = evaluator(new, scope, stack, outlook, stack_outputs)
    conditions = evaluate_conditions(expressions)
    chosen = chosen_resources(template, conditions)
    _refuse_unsupported(chosen, types)
    _refuse_new_types(chosen, existing)
    check_count(template.resources)
    no_echo = [one.current.attributes for one in existing.values() if one.current and one.current.no_echo]
    displayed = DisplayedValues(old, new, secret_texts(no_echo))
    planner = _Planner(types, outlook, expressions, old, new, displayed, refusal)
    changes: list[dict[str, Any]] = []
    for name in order(dependencies(template.resources, chosen, conditions)):
        changes += planner.change(name, chosen[name])
    changes += [_removal(one, planner.displayed) for name, one in existing.items() if name not in chosen]
    outputs = outputs_of(template, expressions, conditions)
    changes = sorted(changes, key=_logical_id)
    return StackPlan(changes, sorted(outlook.imports), outputs, planner.nested)


def is_empty(changes: StackPlan, stack: Stack, old: Deployment | None, new: Deployment) -> bool:
    """Return whether nothing would change, outputs and tags included."""
    if changes.changes or old is None:
        return False
    return changes.outputs == stack.outputs and old.tags == new.tags


def _refuse_unsupported(chosen: Mapping[str, Mapping[str, Any]], types: Mapping[str, ResourceType]) -> None:
    """Raise AwsError for an unsupported type or property of the `chosen` resources, whose conditions hold."""
    unknown = sorted({kind for one in chosen.values() if (kind := str(one["Type"])) not in types})
    if unknown:
        raise unsupported(f"The resource types [{', '.join(unknown)}]", "are")
    for name, resource in chosen.items():
        for member in sorted(UNSUPPORTED_MEMBERS & set(resource)):
            raise unsupported(f"The attribute {member} of resource {name} ({resource['Type']})")


def _exists(resource: StackResource) -> bool:
    return resource.current is not None and not resource.status.startswith("DELETE_COMPLETE")


def _refuse_new_types(chosen: Mapping[str, Mapping[str, Any]], existing: Mapping[str, StackResource]) -> None:
    changed = sorted(
        name for name, one in chosen.items() if name in existing and existing[name].type != one["Type"]
    )
    if changed:
        raise AwsError(
            "ValidationError",
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{', '.join(changed)}]",
        )


@dataclass
class _Planner:
    types: Mapping[str, ResourceType]
    outlook: _Outlook
    evaluator: Evaluator
    old: Deployment | None
    new: Deployment
    displayed: DisplayedValues
    refusal: Refusal
    nested: dict[str, dict[str, Any]] = field(default_factory=dict)

    def change(self, name: str, declared: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return one change, or an empty list for none."""
        kind = self.types[str(declared["Type"])]
        properties = self._properties(name, declared, kind)
        existing = self.outlook.resources.get(name)
        if kind.type_name == STACK_TYPE:
            self.nested[name] = properties
        if existing is None:
            self.outlook.new.add(name)
            added = _resource_change("Add", name, kind.type_name)
            added["ResourceChange"]["AfterContext"] = self.displayed.context(kind.type_name, properties)
            return [added]
        details = list(self._details(existing, declared, properties, kind))
        if not details:
            self.nested.pop(name, None)
            return []
        replacement = _replacement(details)
        (self.outlook.modified if replacement == "False" else self.outlook.new).add(name)
        change = _resource_change("Modify", name, kind.type_name, existing.physical_id)
        scope = sorted({str(detail["Target"]["Attribute"]) for detail in details})
        policy = {"PolicyAction": _replace_action(declared)} if replacement == "True" else {}
        was = existing.current.properties if existing.current else {}
        change["ResourceChange"].update(
            Replacement=replacement,
            Scope=scope,
            Details=details,
            BeforeContext=self.displayed.context(kind.type_name, was),
            AfterContext=self.displayed.context(kind.type_name, properties),
            **policy,
        )
        return [change]

    def _properties(self, name: str, declared: Mapping[str, Any], kind: ResourceType) -> dict[str, Any]:
        value = self.evaluator.evaluate(declared.get("Properties") or {})
        properties: dict[str, Any] = value if isinstance(value, dict) else {}
        properties = {key: child for key, child in properties.items() if child is not NO_VALUE}
        check_references(kind.type_name, properties)
        visible: dict[str, Any] = hidden(properties)
        is_open = has_further_properties(kind)
        check_properties(name, kind.type_name, kind.properties, visible, structure_only=True, is_open=is_open)
        refused = kind.unsupported(visible) if isinstance(kind, JudgesValues) else None
        if refused is not None:
            raise unsupported(f"{refused} of resource {name} ({kind.type_name})")
        problem = self.refusal(kind.type_name, visible)
        if problem is not None:
            raise problem
        return properties

    def _details(
        self,
        existing: StackResource,
        declared: Mapping[str, Any],
        properties: Mapping[str, Any],
        kind: ResourceType,
    ) -> Iterator[dict[str, Any]]:
        was = existing.current.properties if existing.current else {}
        for key in sorted({*was, *properties}):
            unknown = has_unknown(properties.get(key))
            if unknown or was.get(key) != properties.get(key):
                recreation = "Always" if key in kind.replace_on else "Never"
                if unknown and recreation == "Always":
                    recreation = "Conditionally"
                target = _target(key, recreation)
                if kind.type_name not in MASKED_PROPERTIES or MASKED_PROPERTIES[kind.type_name] != key:
                    target |= self.displayed.values(key, was, properties)
                causes = self._causes(existing.logical_id, declared, key, unknown)
                yield from ({"Target": target, **cause} for cause in causes)
        if self._retagged(kind) and "Tags" not in {*was, *properties}:
            yield {
                "Target": _target("Tags", "Never"),
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
        yield from self._attribute_details(existing.logical_id, declared)

    def _attribute_details(self, name: str, declared: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        before = self._old_resource(name)
        for attribute in _ATTRIBUTES:
            if before is not None and before.get(attribute) != declared.get(attribute):
                target = {"Attribute": attribute, "RequiresRecreation": "Never"}
                yield {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}

    def _causes(
        self, name: str, declared: Mapping[str, Any], key: str, unknown: bool
    ) -> list[dict[str, Any]]:
        expression = _member(declared, key)
        if expression != _member(self._old_resource(name) or {}, key):
            return [{"Evaluation": "Dynamic" if unknown else "Static", "ChangeSource": "DirectModification"}]
        before = self.old.values if self.old else {}
        causes: list[dict[str, Any]] = []
        for reference in dict.fromkeys(references(expression)):
            after = self.new.values.get(reference.name)
            if after is not None and before.get(reference.name) != after:
                causes.append(_cause("Static", "ParameterReference", reference.name))
                causes.append({"Evaluation": "Dynamic", "ChangeSource": "DirectModification"})
            elif reference.name in self.outlook.new | self.outlook.modified:
                source = "ResourceAttribute" if reference.attribute else "ResourceReference"
                causes.append(_cause("Dynamic", source, str(reference)))
        return causes or [{"Evaluation": "Static", "ChangeSource": "DirectModification"}]

    def _old_resource(self, name: str) -> Mapping[str, Any] | None:
        return Template(self.old.processed).resources.get(name) if self.old else None

    def _retagged(self, kind: ResourceType) -> bool:
        return self.old is not None and self.old.tags != self.new.tags and "Tags" in kind.properties


def _member(declared: Mapping[str, Any], key: str) -> Any:
    properties = declared.get("Properties")
    return properties.get(key) if isinstance(properties, dict) else None


def _cause(evaluation: str, source: str, entity: str) -> dict[str, Any]:
    return {"Evaluation": evaluation, "ChangeSource": source, "CausingEntity": entity}


def _target(key: str, recreation: str) -> dict[str, Any]:
    if key == "Tags":
        return {"Attribute": "Tags", "RequiresRecreation": recreation}
    return {"Attribute": "Properties", "Name": key, "RequiresRecreation": recreation}


def _replacement(details: list[dict[str, Any]]) -> str:
    recreations = {detail["Target"]["RequiresRecreation"] for detail in details}
    return "True" if "Always" in recreations else "Conditional" if "Conditionally" in recreations else "False"


def _replace_action(declared: Mapping[str, Any]) -> str:
    return "ReplaceAndRetain" if declared.get("UpdateReplacePolicy") == "Retain" else "ReplaceAndDelete"


def _removal(resource: StackResource, displayed: DisplayedValues) -> dict[str, Any]:
    change = _resource_change("Remove", resource.logical_id, resource.type, resource.physical_id)
    retained = resource.current is not None and resource.current.deletion_policy != "Delete"
    change["ResourceChange"]["PolicyAction"] = "Retain" if retained else "Delete"
    if resource.current is not None:
        change["ResourceChange"]["BeforeContext"] = displayed.context(
            resource.type, resource.current.properties
        )
    return change


def _resource_change(action: str, name: str, kind: str, physical_id: str | None = None) -> dict[str, Any]:
    change: dict[str, Any] = {"Action": action, "LogicalResourceId": name, "ResourceType": kind}
    if physical_id:
        change["PhysicalResourceId"] = physical_id
    return {"Type": "Resource", "ResourceChange": {**change, "Scope": [], "Details": []}}


def _logical_id(change: Mapping[str, Any]) -> str:
    return str(change["ResourceChange"]["LogicalResourceId"])
