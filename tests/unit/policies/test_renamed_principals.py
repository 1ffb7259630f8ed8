"""A principal is replaced where a policy has it as its principal, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.policies.renamed_principals import renamed

OLD, NEW, OTHER = "arn:aws:iam::123456789012:role/a", "AROAEXAMPLE", "arn:aws:iam::123456789012:role/ab"


def statement(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "s3:*", "Resource": OLD, **more}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"AWS": OLD}, {"AWS": NEW}),
        ({"AWS": [OTHER, OLD], "Service": "x"}, {"AWS": [OTHER, NEW], "Service": "x"}),
    ],
)
def test_it_is_replaced_in_statements_documents_and_texts(before: Any, after: Any) -> None:
    assert renamed({"statements": [statement(before)]}, OLD, NEW) == {"statements": [statement(after)]}
    document = {"Version": "2012-10-17", "Statement": statement(before)}
    changed = renamed({"name": "é", "nested": {"Policy": json.dumps(document)}}, OLD, NEW)
    assert json.loads(changed["nested"]["Policy"]) == {**document, "Statement": statement(after)}
    denying = {"Effect": "Deny", "NotPrincipal": before}
    assert renamed([denying], OLD, NEW) == [{"Effect": "Deny", "NotPrincipal": after}]


@pytest.mark.parametrize(
    "value",
    [
        {"Statement": [statement({"AWS": OTHER})]},
        {"Statement": [statement("*"), statement({"Service": OLD})]},
        {"text": json.dumps({"Statement": statement({"AWS": OTHER})}), "Role": OLD},
        {"text": f"{{ not JSON {OLD}"},
        [],
    ],
)
def test_what_does_not_name_it_stays_the_same_object(value: Any) -> None:
    assert renamed(value, OLD, NEW) is value


def test_a_grant_of_a_key_names_it_too() -> None:
    assert renamed({"GranteePrincipal": OLD, "Name": OLD}, OLD, NEW) == {"GranteePrincipal": NEW, "Name": OLD}
