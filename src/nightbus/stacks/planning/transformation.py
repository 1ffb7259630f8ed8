"""Applies the transforms of a template in CloudFormation's order: the nested ones first, then the section's one by one.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-overview.html#template-macros-order
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Protocol

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.language_extensions import extend
from nightbus.stacks.templates.sam import transform_sam
from nightbus.stacks.templates.syntax import format_error
from nightbus.stacks.templates.template import URL_LIMIT
from nightbus.stacks.templates.transforms import (
    EXTENSIONS,
    FUNCTION,
    SERVERLESS,
    Transform,
    function_transforms,
    nested_transforms,
    section_transforms,
)


class Macros(Protocol):
    """Processes fragments: by functions, and AWS::Include by an object in S3."""

    async def run(self, transform: Transform, fragment: Any, values: Mapping[str, Any], whole: bool) -> Any:
        """Return the processed fragment. `whole`: it is the template. Raises AwsError with CloudFormation's texts."""
        ...

    async def serverless(
        self, document: Mapping[str, Any], parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        """Return the template with its SAM resources transformed. Raises AwsError with CloudFormation's texts."""
        ...


class NoMacros:
    """An account without macros."""

    async def run(self, transform: Transform, fragment: Any, values: Mapping[str, Any], whole: bool) -> Any:
        raise AwsError("ValidationError", f"No transform named {transform.name} found.")

    async def serverless(
        self, document: Mapping[str, Any], parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        return await transform_sam(document, parameters, region)


async def transformed(
    document: Mapping[str, Any],
    parameters: Mapping[str, Any],
    pseudo: Mapping[str, Any],
    macros: Macros,
) -> dict[str, Any]:
    """Return the processed template, without its section Transform.

    `parameters` are their values, lists for list types; `pseudo` those of pseudo parameters. Raises AwsError.
    """
    values = {**parameters, **pseudo}
    try:
        whole: Any = dict(document)
        if nested_transforms(whole):
            whole = await _nested(whole, macros, values, whole=True)
        if not isinstance(whole, dict):
            raise format_error("unsupported structure.")
        for transform in section_transforms(document):
            whole.pop("Transform", None)
            whole = await _whole(transform, whole, macros, parameters, values)
            _check_size(whole)
    except RecursionError as deep:
        raise format_error("JSON not well-formed. It is nested too deeply.") from deep
    return {name: section for name, section in whole.items() if name != "Transform"}


async def _nested(value: Any, macros: Macros, values: Mapping[str, Any], *, whole: bool = False) -> Any:
    """Return the value after all Fn::Transform in it, the innermost first. `whole`: it is the template."""
    if isinstance(value, list):
        return [await _nested(child, macros, values) for child in value]
    if not isinstance(value, dict):
        return value
    inner = {name: await _nested(child, macros, values) for name, child in value.items() if name != FUNCTION}
    if FUNCTION not in value:
        return inner
    fragment: Any = inner
    for transform in function_transforms(value[FUNCTION]):
        fragment = await macros.run(transform, fragment, values, whole)
    return fragment


async def _whole(
    transform: Transform,
    document: dict[str, Any],
    macros: Macros,
    parameters: Mapping[str, Any],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    if transform.name == EXTENSIONS:
        return await asyncio.to_thread(extend, document, values)  # loops may take half a second
    if transform.name == SERVERLESS:
        return await macros.serverless(document, parameters, str(values["AWS::Region"]))
    result = await macros.run(transform, document, values, True)
    if not isinstance(result, dict):
        raise AwsError("ValidationError", f"Received malformed response from transform {transform.name}")
    return result


def _check_size(document: Mapping[str, Any]) -> None:
    if len(json.dumps(document, separators=(",", ":"))) > URL_LIMIT:
        raise AwsError("ValidationError", f"Template may not exceed {URL_LIMIT} bytes in size.")
