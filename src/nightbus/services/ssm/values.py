"""Checks the values of parameters and chooses their tier. Pure.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

from __future__ import annotations

from nightbus.aws.errors import AwsError, validation_error
from nightbus.stacks.templates.java_patterns import MatchingTime, NotAPattern, TimeSpent

TEXT = "text"
STANDARD, ADVANCED, INTELLIGENT = "Standard", "Advanced", "Intelligent-Tiering"
_LARGEST = {STANDARD: 4096, ADVANCED: 8192}  # characters
_ABOUT_TIERS = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)


def tier_of(requested: str | None, former: str | None, value: str, needs_advanced: bool = False) -> str:
    """Return the tier of a new version. `needs_advanced`: it has what only advanced parameters may have, policies.

    Raises AwsError for a downgrade, which AWS does not allow.
    """
    if requested == INTELLIGENT:
        needs_advanced = needs_advanced or len(value) > _LARGEST[STANDARD] or former == ADVANCED
        return ADVANCED if needs_advanced else STANDARD
    if former == ADVANCED and requested == STANDARD:
        raise validation_error(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the"
            " advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced"
            " parameter and recreate it as a standard parameter."
        )
    return requested or former or STANDARD


def check_value(value: str, tier: str, pattern: str | None) -> None:
    if not value:
        raise validation_error(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length"
            " greater than or equal to 1."
        )
    if len(value) > _LARGEST[tier]:
        larger = (
            " To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
            if tier == STANDARD
            else ""
        )
        raise validation_error(
            f"{tier} tier parameters support a maximum parameter value of {_LARGEST[tier]} characters.{larger}"
            f" For more information, see {_ABOUT_TIERS}"
        )
    if "{{" in value and "}}" in value:
        raise validation_error(
            'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
        )
    if pattern:
        _check_pattern(pattern, value)


def _check_pattern(pattern: str, value: str) -> None:
    """Raise AwsError unless the whole value matches; the pattern has Java's syntax, as those of templates."""
    try:
        matches = MatchingTime().matches(pattern, value)
    except (NotAPattern, TimeSpent) as wrong:
        raise AwsError(
            "InvalidAllowedPatternException", f"The allowed pattern is not valid: {pattern}"
        ) from wrong
    if not matches:
        raise AwsError(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )
