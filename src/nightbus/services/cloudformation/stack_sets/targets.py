"""Decides which instances an operation works on, in which order, and how many may fail. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
_PERCENT = 100


def invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def chosen_accounts(accounts: Sequence[str] | None, targets: Mapping[str, Any] | None) -> list[str]:
    """Return the accounts of a request. Raises AwsError for what needs an organization."""
    if targets and (
        targets.get("OrganizationalUnitIds") or targets.get("AccountFilterType") not in (None, "NONE")
    ):
        raise invalid(
            "OrganizationalUnitIds need permission model SERVICE_MANAGED, which needs an organization"
        )
    if targets and targets.get("AccountsUrl"):
        raise invalid("AccountsUrl is not supported")
    if accounts and targets:
        raise invalid("You must specify either Accounts or DeploymentTargets, but not both")
    found = list(dict.fromkeys(accounts or (targets or {}).get("Accounts") or []))
    wrong = [one for one in found if not _ACCOUNT.fullmatch(one)]
    if wrong:
        raise invalid(f"Invalid account {wrong[0]}")
    return found


def checked_regions(regions: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(regions))
    wrong = [one for one in found if not _REGION.fullmatch(one)]
    if wrong:
        raise invalid(f"Region {wrong[0]} is not supported")
    return found


def checked_preferences(preferences: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the preferences. Raises AwsError for two that exclude one another."""
    given = dict(preferences or {})
    for first, second in (
        ("FailureToleranceCount", "FailureTolerancePercentage"),
        ("MaxConcurrentCount", "MaxConcurrentPercentage"),
    ):
        if first in given and second in given:
            raise invalid(f"{first} and {second} cannot be specified together")
    return given


def ordered(targets: Sequence[tuple[str, str]], preferences: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the targets, each an account and a region, region by region in the order of the preferences."""
    order = list(preferences.get("RegionOrder") or ())
    places = {
        region: place for place, region in enumerate(dict.fromkeys([*order, *(one[1] for one in targets)]))
    }
    return sorted(targets, key=lambda one: (places[one[1]], one[0]))


def tolerance(preferences: Mapping[str, Any], accounts: int) -> int:
    """Return how many accounts of a region may fail before the operation ends there; 0 by default."""
    if "FailureTolerancePercentage" in preferences:
        return accounts * int(preferences["FailureTolerancePercentage"]) // _PERCENT
    return int(preferences.get("FailureToleranceCount", 0))


def at_once(preferences: Mapping[str, Any], accounts: int) -> int:
    """Return in how many accounts of a region the operation works at the same time; 1 by default.

    With strict tolerance there are never more under way than may fail, and one; and never more than there are accounts.
    """
    if "MaxConcurrentPercentage" in preferences:
        wanted = max(1, accounts * int(preferences["MaxConcurrentPercentage"]) // _PERCENT)
    else:
        wanted = int(preferences.get("MaxConcurrentCount", 1))
    if preferences.get("ConcurrencyMode") == "SOFT_FAILURE_TOLERANCE":
        return min(wanted, accounts)
    return min(wanted, tolerance(preferences, accounts) + 1, accounts)
