"""The wildcards of policies fit what a regular expression fits, in time that does not grow with the number of stars."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.wildcards import like
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.request import AccessRequest

PATTERNS = st.text(alphabet="ab*?\n.", max_size=8)
TEXTS = st.text(alphabet="ab\n.", max_size=12)


@given(PATTERNS, TEXTS)
def test_it_fits_what_the_regular_expression_fits(pattern: str, text: str) -> None:
    expression = "".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    assert like(pattern, text) == (re.fullmatch(expression, text, re.DOTALL) is not None)


def test_many_stars_are_judged_at_once() -> None:
    """With a backtracking engine this does not end within the age of the universe."""
    text = "a" * 2_000
    assert not like("*a" * 500 + "*b", text)
    assert not like("*a?" * 300 + "*b", text)
    assert like("*a" * 500 + "*", text)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*a" * 200 + "b"}
    request = AccessRequest("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:" + "a" * 2_000)
    assert not Policy.of_statements([statement], PolicyKind.RESOURCE).allows(request)
