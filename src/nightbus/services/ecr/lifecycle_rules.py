"""Checks the rules of a lifecycle policy, as ECR documents them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.documents import read_document

_TAG_STATUSES = ("tagged", "untagged", "any")
_COUNT_TYPES = (
    "imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned",
)  # fmt: skip
_ACTIONS = ("expire", "transition")
_SELECTS_TAGS = ("tagPrefixList", "tagPatternList")


def mistake_in(text: str) -> str | None:
    """Return what is wrong with a policy's text, or None."""
    try:
        policy = read_document(text)
    except ValueError:
        return "The policy is not JSON"
    rules = policy.get("rules") if isinstance(policy, dict) else None
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, dict) for rule in rules):
        return "rules must be a list of at least one rule"
    priorities = [rule.get("rulePriority") for rule in rules]
    if not all(_is_count(priority) for priority in priorities):
        return "rulePriority must be a positive integer"
    if len(set(priorities)) < len(priorities):
        return "rulePriority must be unique"
    return next((found for rule in rules if (found := _mistake_in_rule(rule))), None)


def _mistake_in_rule(rule: Mapping[str, Any]) -> str | None:
    action, selection = rule.get("action"), rule.get("selection")
    if not isinstance(action, dict) or action.get("type") not in _ACTIONS:
        return f"action.type must be one of {', '.join(_ACTIONS)}"
    if not isinstance(selection, dict):
        return "selection is required"
    return _mistake_in_selection(selection)


def _mistake_in_selection(selection: Mapping[str, Any]) -> str | None:
    status, kind = selection.get("tagStatus"), selection.get("countType")
    if status not in _TAG_STATUSES:
        return f"tagStatus must be one of {', '.join(_TAG_STATUSES)}"
    if (status == "tagged") != any(selection.get(name) for name in _SELECTS_TAGS):
        return "tagPrefixList or tagPatternList is required if tagStatus is tagged, and only then"
    if kind not in _COUNT_TYPES:
        return f"countType must be one of {', '.join(_COUNT_TYPES)}"
    if not _is_count(selection.get("countNumber")):
        return "countNumber must be a positive integer"
    if (selection.get("countUnit") == "days") != (kind != "imageCountMoreThan"):
        return "countUnit must be days, except with countType imageCountMoreThan"
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
