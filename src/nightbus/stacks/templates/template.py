"""Checks the structure of a CloudFormation template, and reads its declarations.

Pure. `intrinsics` evaluates values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nightbus.aws.errors import AwsError, unsupported
from nightbus.stacks.templates.attributes import check_attributes
from nightbus.stacks.templates.creation_policy import check_creation_policy
from nightbus.stacks.templates.documents import parse_template_text
from nightbus.stacks.templates.expressions import PSEUDO_PARAMETERS, template_error
from nightbus.stacks.templates.functions import check_functions
from nightbus.stacks.templates.graph import dependencies, order
from nightbus.stacks.templates.parameters import check_declaration
from nightbus.stacks.templates.references import condition_names, references
from nightbus.stacks.templates.removal_policies import check_policies
from nightbus.stacks.templates.rules import check_rules
from nightbus.stacks.templates.syntax import format_error
from nightbus.stacks.templates.transforms import (
    FUNCTION,
    SERVERLESS,
    check_transforms,
    declared_transforms,
    section_transforms,
)

INLINE_LIMIT = 51_200
URL_LIMIT = 1_048_576
MAX_DESCRIPTION = 1024
LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}

_SECTIONS = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    ]
)
_REFUSED_SECTIONS = frozenset({"Hooks"})
_RESOURCE_MEMBERS = frozenset(
    [
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Description",
        "Metadata",
        "Properties",
        "Type",
        "UpdateReplacePolicy",
    ]
)
UNSUPPORTED_MEMBERS = frozenset({"UpdatePolicy"})
_CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"
_CUSTOM = "Custom::"
_SERVERLESS_TYPE = "AWS::Serverless::"
# TypeName in the service model; custom: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
_TYPE_NAME = re.compile(
    r"[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}(::MODULE)?|Custom::[A-Za-z0-9_@-]{1,60}"
)
_OUTPUT_MEMBERS = frozenset({"Condition", "Description", "Export", "Value"})
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]{1,255}$")


@dataclass(frozen=True)
class Template:
    """A template as plain values, with all sections. `transforms` has the template's order."""

    document: Mapping[str, Any]

    def section(self, name: str) -> dict[str, Any]:
        return self.document.get(name) or {}

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        return self.section("Resources")

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        return self.section("Parameters")

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        return self.section("Outputs")

    @property
    def description(self) -> str:
        return str(self.document.get("Description") or "")

    @cached_property
    def transforms(self) -> list[str]:
        """The names of all transforms, those of Fn::Transform anywhere in the template included."""
        return declared_transforms(self.document)

    def types(self) -> list[str]:
        """Return the resource types, sorted and without duplicates."""
        return sorted({str(resource["Type"]) for resource in self.typed_resources().values()})

    def typed_resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources that have a type: before a transform not every one needs to."""
        return {
            name: resource
            for name, resource in self.resources.items()
            if isinstance(resource, dict) and isinstance(resource.get("Type"), str)
        }


def read_template(text: str) -> Template:
    """Parse a template and check its syntax, sections and declarations. Raises AwsError ValidationError.

    `check_template` checks what a transform may still change.
    """
    document = parse_template_text(text)
    check_transforms(document)
    _check_sections(document, has_transforms=bool(declared_transforms(document)))
    template = Template(document)
    _check_declarations(template)
    return template


def processed_template(document: dict[str, Any], extended: bool) -> Template:
    """Return the template that transforms have made of another one, and check all of it. Raises AwsError.

    `extended`: AWS::LanguageExtensions was among them.
    """
    _check_sections(document, has_transforms=False)
    template = Template(document)
    _check_declarations(template)
    check_template(template, extended)
    return template


def _check_declarations(template: Template) -> None:
    for name, declaration in template.parameters.items():
        check_declaration(name, declaration)
    check_rules(template.section("Rules"), set(template.parameters) | PSEUDO_PARAMETERS)


def check_template(template: Template, extended: bool = False, any_type: bool = False) -> None:
    """Check all of a template that needs no transform any more. Raises AwsError ValidationError.

    `extended`: AWS::LanguageExtensions was applied. `any_type`: types may have names that no type can have.
    """
    for name, resource in template.resources.items():
        _check_resource(name, resource)
    check_functions(template.document, extended)
    for section, limit in LIMITS.items():
        count = len(template.section(section))
        if count > limit:
            raise format_error(
                f"Number of {section.lower()}, {count}, is greater than maximum allowed, {limit}"
            )
    if not any_type:
        _check_types(template)
    parameters = set(template.parameters) | PSEUDO_PARAMETERS
    for name, resource in template.resources.items():
        _check_final_resource(name, resource, parameters)
    for name, output in template.outputs.items():
        _check_output(name, output)
    _check_references(template)
    check_attributes(template.resources, template.outputs)
    order(dependencies(template.resources))


def _check_sections(document: Mapping[str, Any], *, has_transforms: bool) -> None:
    """`has_transforms`: macros may read sections of their own, and make those that every template needs."""
    refused = sorted(_REFUSED_SECTIONS & set(document))
    if refused:
        raise unsupported(f"The section {refused[0]} of a template")
    unknown = [name for name in document if name not in _SECTIONS and not _is_of_transform(name, document)]
    if unknown:
        raise AwsError("ValidationError", f"Invalid template property or properties [{', '.join(unknown)}]")
    version = document.get("AWSTemplateFormatVersion", "2010-09-09")
    if version != "2010-09-09":
        raise format_error(f"unsupported value for AWSTemplateFormatVersion: {version}.")
    for name in ("Conditions", "Mappings", "Metadata", "Outputs", "Parameters", "Resources", "Rules"):
        if name in document and not isinstance(document[name], dict):
            raise format_error(f"unsupported structure in the {name} section: it must be an object.")
    if not document.get("Resources") and not has_transforms:
        raise format_error("At least one Resources member must be defined.")
    _check_description(document)
    if not has_transforms:
        _check_mappings(document)
    _refuse_nulls(document, "")


def _check_description(document: Mapping[str, Any]) -> None:
    description = document.get("Description", "")
    if not isinstance(description, str):
        raise format_error("every Description must be a string.")
    if len(description.encode()) > MAX_DESCRIPTION:
        raise format_error("'Description' length is greater than 1024.")


def _check_mappings(document: Mapping[str, Any]) -> None:
    for name, mapping in document.get("Mappings", {}).items():
        if not isinstance(mapping, dict) or not all(isinstance(entry, dict) for entry in mapping.values()):
            raise format_error(f"Every Mappings attribute must be a map of maps; {name} is none.")


def _is_of_transform(name: str, document: Mapping[str, Any]) -> bool:
    """Return whether a section that CloudFormation does not know is read by a transform."""
    if name == FUNCTION:
        return True
    transforms = section_transforms(document)
    return any(one.is_macro or (name == "Globals" and one.name == SERVERLESS) for one in transforms)


def _refuse_nulls(value: Any, path: str) -> None:
    if value is None:
        raise AwsError(
            "ValidationError",
            f"Template validation error: [{path}] 'null' values are not allowed in templates",
        )
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        _refuse_nulls(child, f"{path}/{key}")


def _check_resource(name: str, resource: Any) -> None:
    if not _LOGICAL_ID.match(name):
        raise format_error(f"Resource name {name} is non alphanumeric.")
    if not isinstance(resource, dict):
        raise format_error(f"[/Resources/{name}] resource definition is malformed")
    if not isinstance(resource.get("Type"), str) or not resource["Type"]:
        raise format_error(f"[/Resources/{name}] Every Resources object must contain a Type member.")
    if not isinstance(resource.get("Properties", {}), dict):
        raise format_error(f"[/Resources/{name}] Any Properties member must be a JSON object.")


def _check_types(template: Template) -> None:
    """Raise AwsError for what is not the name of a type. A type that Nightbus does not have is refused only if its
    resource's condition holds."""
    wrong = unrecognized_types(template)
    if wrong:
        raise format_error(f"Unrecognized resource types: [{', '.join(wrong)}]")


def unrecognized_types(template: Template) -> list[str]:
    """Return what is not the name of a type."""
    serverless = SERVERLESS in template.transforms
    return [
        kind
        for kind in template.types()
        if not _TYPE_NAME.fullmatch(kind) or (kind.startswith(_SERVERLESS_TYPE) and not serverless)
    ]


def _check_final_resource(name: str, resource: dict[str, Any], parameters: set[str]) -> None:
    _check_resource(name, resource)
    custom = resource["Type"] == _CUSTOM_RESOURCE or resource["Type"].startswith(_CUSTOM)
    for member in resource:
        if member == "Version" and custom:
            continue
        if member not in _RESOURCE_MEMBERS | UNSUPPORTED_MEMBERS:
            raise AwsError("ValidationError", f"Invalid template resource property '{member}'")
    depends = resource.get("DependsOn", [])
    names = [depends] if isinstance(depends, str) else depends
    if not isinstance(names, list) or not all(isinstance(part, str) for part in names):
        raise format_error("DependsOn must be a string or list of strings.")
    if not isinstance(resource.get("Condition", ""), str):
        raise format_error(f"Every Condition member must be a string; that of {name} is none.")
    check_policies(name, resource, parameters)
    check_creation_policy(name, resource)


def _check_output(name: str, output: Any) -> None:
    if not _LOGICAL_ID.match(name):
        raise format_error(f"Output name {name} is non alphanumeric.")
    if not isinstance(output, dict):
        raise format_error(f"[/Outputs/{name}] Every Outputs member must be an object.")
    if "Value" not in output:
        raise format_error(f"Every Outputs member must contain a Value object ({name}).")
    if not isinstance(output.get("Condition", ""), str):
        raise format_error(f"Every Condition member must be a string; that of {name} is none.")
    unknown = set(output) - _OUTPUT_MEMBERS
    if unknown:
        raise AwsError("ValidationError", f"Invalid template output property '{min(unknown)}'")
    export = output.get("Export")
    if export is not None and (not isinstance(export, dict) or set(export) != {"Name"}):
        raise format_error(f"Output {name} is malformed. An Export has one member, Name.")


def _check_references(template: Template) -> None:
    parameters = set(template.parameters) | PSEUDO_PARAMETERS
    names = parameters | set(template.resources)
    resources = {name: resource.get("Properties", {}) for name, resource in template.resources.items()}
    _check_block("Resources", resources, template, names)
    outputs = {
        name: [output["Value"], (output.get("Export") or {}).get("Name", "")]
        for name, output in template.outputs.items()
    }
    _check_block("Outputs", outputs, template, names)
    _check_depends_on(template)
    _check_conditions(template, parameters)


def _check_block(block: str, values: Mapping[str, Any], template: Template, names: set[str]) -> None:
    unresolved: dict[str, None] = {}
    for value in values.values():
        for reference in references(value):
            is_get_att = reference.function == "Fn::GetAtt"
            if is_get_att and reference.name not in template.resources:
                raise template_error(f"instance of Fn::GetAtt references undefined resource {reference.name}")
            if reference.name not in names or (
                reference.attribute and reference.name not in template.resources
            ):
                unresolved[reference.name] = None
    if unresolved:
        raise format_error(
            f"Unresolved resource dependencies [{', '.join(unresolved)}] in the {block} block of the template"
        )


def _check_depends_on(template: Template) -> None:
    for resource in template.resources.values():
        depends = resource.get("DependsOn", [])
        missing = [
            name
            for name in ([depends] if isinstance(depends, str) else depends)
            if name not in template.resources
        ]
        if missing:
            raise format_error(
                f"Unresolved resource dependencies [{', '.join(missing)}] in the Resources block of the template"
            )


def _check_conditions(template: Template, parameters: set[str]) -> None:
    declared = template.section("Conditions")
    for reference in references(list(declared.values())):
        if reference.name not in parameters or reference.attribute:
            raise format_error(
                f"Unresolved dependencies [{reference.name}]. Cannot reference resources in the Conditions block "
                "of the template"
            )
    blocks: dict[str, Callable[[], dict[str, dict[str, Any]]]] = {
        "Resources": lambda: template.resources,
        "Outputs": lambda: template.outputs,
    }
    for block, members in blocks.items():
        for member in members().values():
            used = [*condition_names(member), *([member["Condition"]] if "Condition" in member else [])]
            missing = [name for name in used if name not in declared]
            if missing:
                raise format_error(
                    f"Unresolved condition dependency {missing[0]} in the {block} block of the template"
                )
