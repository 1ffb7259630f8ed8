"""Validates a function's SnapStart setting. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nightbus.services.lambda_.errors import invalid_parameter_value

_PYTHON = re.compile(r"python3\.(\d+)")
_FIRST_PYTHON = 12
_MOST_STORAGE = 512


def snap_start(apply_on: str) -> dict[str, str]:
    """Return the setting of an unpublished version."""
    return {"ApplyOn": apply_on, "OptimizationStatus": "Off"}


def check_snap_start(config: Mapping[str, Any]) -> None:
    """Raise AwsError where the configuration has what AWS refuses beside SnapStart."""
    if config["SnapStart"]["ApplyOn"] == "None":
        return
    runtime = str(config.get("Runtime"))
    python = _PYTHON.fullmatch(runtime)
    if python is None or int(python[1]) < _FIRST_PYTHON:
        raise _not_supported(runtime)
    if config["EphemeralStorage"]["Size"] > _MOST_STORAGE:
        raise _not_supported(f"EphemeralStorage greater than {_MOST_STORAGE} MB")


def refuse_provisioned(config: Mapping[str, Any]) -> None:
    """Raise AwsError where the version has SnapStart."""
    if config["SnapStart"]["ApplyOn"] != "None":
        raise _not_supported("Provisioned Concurrency")


def _not_supported(what: str) -> Exception:
    return invalid_parameter_value(f"{what} is not supported for SnapStart enabled functions.")
