"""Defines what the parsers of JSON and of YAML templates share: their error, their bounds, and how a number is kept."""

from __future__ import annotations

import math

from nightbus.aws.errors import AwsError

MAX_DEPTH = 200
_LEAST, _MOST = -(2**63), 2**64 - 1  # the range of numbers that the store keeps


def format_error(message: str) -> AwsError:
    return AwsError("ValidationError", f"Template format error: {message}")


def integer_value(text: str) -> int | str:
    """Return the number, or the text if the store could not keep the number: templates may have numbers as text."""
    number = int(text)
    return number if _LEAST <= number <= _MOST else text


def decimal_value(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text
