"""Reads DeploymentConfig: how an operation on a stack is carried out.

STANDARD, the default, is what a stack has without one. With EXPRESS an operation is complete once the configuration of
each resource is applied, and a failure is not rolled back unless DisableRollback says false.
Source: API_DeploymentConfig, "Deploy AWS CloudFormation stacks faster with express mode" in the user guide; the texts
as seen in aws/aws-cdk-cli pull request 1689, the default of the rollback in its issue 1931.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.records import EXPRESS, STANDARD


def mode_of(config: Mapping[str, Any] | None) -> str:
    return str((config or {}).get("Mode", STANDARD))


def disables_rollback(
    config: Mapping[str, Any] | None, disable_rollback: bool | None, other: str | None = None
) -> bool | None:
    """Return whether the request disables the rollback, None if it does not say.

    `disable_rollback` is the request's member and `other` its OnFailure or OnStackFailure. Raises AwsError if two of
    the request's members say it.
    """
    config = config or {}
    configured = config.get("DisableRollback")
    speaks = configured is not None or mode_of(config) == EXPRESS
    if speaks and (disable_rollback is not None or other is not None):
        text = "You cannot specify DisableRollback or OnFailure together with DeploymentConfig."
        raise AwsError("ValidationError", text)
    if configured is not None:
        return bool(configured)
    return True if mode_of(config) == EXPRESS else disable_rollback


def config_reply(mode: str, on_failure: str) -> dict[str, Any] | None:
    """Return the DeploymentConfig of replies about stacks and change sets; None for the default."""
    return None if mode == STANDARD else {"Mode": mode, "DisableRollback": on_failure == "DO_NOTHING"}
