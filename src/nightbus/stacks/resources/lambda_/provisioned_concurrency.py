"""Provisions the concurrency of versions and aliases, and waits until their environments are ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import converted, integer_value

PROPERTY = "ProvisionedConcurrencyConfig"
_LOOK_SECONDS = 0.1


async def provision(
    function: str, qualifier: str, properties: Mapping[str, Any], ctx: ResourceContext
) -> None:
    """Raises AwsError if the environments cannot be initialised."""
    reference = {"FunctionName": function, "Qualifier": qualifier}
    config = properties.get(PROPERTY)
    if not config:
        with ignore_missing():
            await ctx.operation("lambda", "DeleteProvisionedConcurrencyConfig", **reference)
        return
    name = "ProvisionedConcurrentExecutions"
    count = converted(name, config.get(name), integer_value)
    await ctx.operation(
        "lambda", "PutProvisionedConcurrencyConfig", **reference, ProvisionedConcurrentExecutions=count
    )
    while True:
        state = await ctx.operation("lambda", "GetProvisionedConcurrencyConfig", **reference)
        if state["Status"] == "READY":
            return
        if state["Status"] == "FAILED":
            reason = state.get("StatusReason", "")
            raise AwsError(
                "NotStabilized", f"Provisioned concurrency of {function}:{qualifier} failed: {reason}"
            )
        await ctx.clock.sleep(_LOOK_SECONDS)


async def provisioned(function: str, qualifier: str, ctx: ResourceContext) -> dict[str, Any] | None:
    """Return the property as it is now, None without provisioned concurrency."""
    reference = {"FunctionName": function, "Qualifier": qualifier}
    with ignore_missing():
        reply = await ctx.operation("lambda", "GetProvisionedConcurrencyConfig", **reference)
        return {"ProvisionedConcurrentExecutions": reply["RequestedProvisionedConcurrentExecutions"]}
    return None
