"""Lifecycle policies of ECR that are right, and what is said of those that are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.services.ecr.lifecycle_rules import mistake_in

COUNT = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}
AGE = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 3}
EXPIRE = {"type": "expire"}


def rule(selection: Any, priority: Any = 1, action: Any = EXPIRE) -> dict[str, Any]:
    return {"rulePriority": priority, "selection": selection, "action": action}


@pytest.mark.parametrize("selection", [COUNT, AGE, COUNT | {"tagStatus": "tagged", "tagPrefixList": ["v"]}])
def test_right_ones(selection: Any) -> None:
    assert mistake_in(json.dumps({"rules": [rule(selection), rule(AGE, 2)]})) is None


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("no json", "JSON"),
        ([], "rules"),
        ({"rules": []}, "rules"),
        ({"rules": [rule(COUNT, 0)]}, "positive"),
        ({"rules": [rule(COUNT, "1")]}, "positive"),
        ({"rules": [rule(COUNT), rule(AGE)]}, "unique"),
        ({"rules": [rule(COUNT, action={"type": "keep"})]}, "action.type"),
        ({"rules": [rule(None)]}, "selection"),
        ({"rules": [rule(COUNT | {"tagStatus": "some"})]}, "tagStatus"),
        ({"rules": [rule(COUNT | {"tagStatus": "tagged"})]}, "tagPrefixList"),
        ({"rules": [rule(COUNT | {"countType": "age"})]}, "countType"),
        ({"rules": [rule(COUNT | {"countNumber": True})]}, "countNumber"),
        ({"rules": [rule(COUNT | {"countUnit": "days"})]}, "countUnit"),
        ({"rules": [rule(AGE | {"countUnit": "hours"})]}, "countUnit"),
    ],
)
def test_wrong_ones(policy: Any, said: str) -> None:
    found = mistake_in(policy if isinstance(policy, str) else json.dumps(policy))
    assert found is not None
    assert said in found
