"""Do the patterns of AWS's models judge every text in bounded time?"""

from __future__ import annotations

import re
import sys
import time
import unicodedata

import pytest

from nightbus.aws.errors import AwsError
from nightbus.gateway import patterns
from nightbus.gateway.checked_json import read_checked
from nightbus.gateway.models import load_service
from nightbus.gateway.patterns import BoundedPattern, UnicodePattern, compiled
from nightbus.gateway.validation import validate

HEADER_VALUE = r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$"


@pytest.mark.parametrize(
    "pattern", [HEADER_VALUE, r"(a*)*", r"((a|b+)c?)+", r"(?:[a-z]+(x)*?)+", r"(a+){2,}"]
)
def test_a_repetition_within_a_repetition_has_a_bound(pattern: str) -> None:
    assert isinstance(compiled(pattern), BoundedPattern)


@pytest.mark.parametrize("pattern", [r"[\w-]+", r"(/[a-z]{1,63})*", r"(a?b)+c*", r"a{3}(b+|c*)"])
def test_other_patterns_run_in_re(pattern: str) -> None:
    assert isinstance(compiled(pattern), re.Pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"[\p{L}\p{Z}\p{N}_.:/=+\-@]", r"\p{L}", r"\P{L}", r"\pL", r"[^\p{Cc}]", r"[^\p{Cs}]", r"\p{Zl}", r"\P{M}",
        r"(?i)[\p{Lu}]", r"[\p{Punct}]?\p{Sc}",
    ],
)  # fmt: skip
def test_unicode_classes_decide_the_same_of_ascii(pattern: str) -> None:
    known, whole = compiled(pattern), patterns._compiled(pattern, sys.maxunicode + 1)
    assert isinstance(known, UnicodePattern)
    for code in range(0x250):
        assert bool(known.fullmatch(chr(code))) == bool(whole.fullmatch(chr(code))), hex(code)


@pytest.mark.parametrize("pattern", [r"\p{Letters}", r"\p{Xy}", r"[\P{L}]", r"\p{L}("])
def test_what_cannot_be_compiled_holds_nothing_up(pattern: str) -> None:
    assert compiled(pattern) is None


def test_a_repeated_class_has_a_bound() -> None:
    known = compiled(r"(\p{L}+ ?)+")
    assert isinstance(known, UnicodePattern)
    began = time.process_time()
    assert known.fullmatch("a" * 60 + "!") is None
    assert known.fullmatch("é" * 60 + "!") is None
    assert time.process_time() - began < 5


def test_a_header_of_blanks_does_not_stop_the_node() -> None:
    operation = load_service("events").operations["CreateConnection"]
    assert operation.input is not None
    value = " " * 400 + "\\u0000"
    key = f'{{"ApiKeyName":"x","ApiKeyValue":"{value}"}}'
    body = f'{{"Name":"c","AuthorizationType":"API_KEY","AuthParameters":{{"ApiKeyAuthParameters":{key}}}}}'
    began = time.process_time()
    assert read_checked(operation.input, body.encode()) is None
    parameters = {"ApiKeyAuthParameters": {"ApiKeyName": "x", "ApiKeyValue": " " * 400 + "\0"}}
    with pytest.raises(
        AwsError, match="apiKeyValue' failed to satisfy constraint: Member must satisfy regular"
    ):
        validate(operation, {"Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": parameters})
    assert time.process_time() - began < 5


def test_what_such_a_pattern_takes_is_taken() -> None:
    known = compiled(HEADER_VALUE)
    assert known is not None
    assert all(known.fullmatch(text) for text in ("a", " Bearer  abc ", "x" * 512, " " * 512))
    assert not any(known.fullmatch(text) for text in ("", "a\n", "é"))


def test_planes_of_one_category_are_that() -> None:
    """A newer Unicode may fill them."""
    for plane in patterns._OF_ONE_CATEGORY:
        assert len(set(map(unicodedata.category, map(chr, plane)))) == 1


def test_every_character_is_in_its_category() -> None:
    found = {
        character: category
        for category, runs in patterns._categories().items()
        for first, last in runs
        for character in range(first, last + 1)
    }
    assert len(found) == sys.maxunicode + 1
    assert all(unicodedata.category(chr(character)) == category for character, category in found.items())
