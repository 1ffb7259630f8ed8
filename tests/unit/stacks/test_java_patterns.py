"""Are the patterns of templates read as Java reads them, and do they end?"""

from __future__ import annotations

import time

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.java_patterns import MatchingTime, NotAPattern, TimeSpent, compile_java_pattern
from nightbus.stacks.templates.parameters import check_declaration, resolve

ENDLESS = "(a|aa)+b"
SLOW_TEXT = "a" * 60


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        (r"^[\w-]+$", "a-1_", "é"), (r"\d{4}", "2026", "٢٠٢٦"), (r"\s", "\u000b", "\u00a0"),
        (r"[\D&&[^x]]+", "abc", "ax"), (r"[a-z&&[^b]]+", "ac", "ab"), (r"[a-c[0-9]]+", "a1", "d"),
        (r"(?=.*[A-Z])(?=.*\d).{8,}", "Passw0rd", "password"), (r"\Qa.b\E+", "a.bb", "axb"), (r"\Qa.b", "a.b", "axb"),
        (r"\p{Alpha}+", "ab", "é"), (r"\p{L}+", "é", "1"), (r"\p{Lu}", "É", "é"), (r"[\p{Punct}a]+", "a!]", "b"),
        (r"(?<n>a|b)\k<n>", "bb", "ab"), (r"\x{1F600}|\u0041", "😀", "B"), (r"a*+b", "aab", "aa"), (r"a\Z", "a", "a\n"),
        (r"([a-z]{1,63}\.){1,127}", "a.b.", "a"), (r".{1,51200}", "x", ""), ("", "", "x"),
    ],
)  # fmt: skip
def test_patterns_mean_what_they_mean_in_java(pattern: str, fits: str, does_not: str) -> None:
    matching = MatchingTime(5)
    assert matching.matches(pattern, fits)
    assert not matching.matches(pattern, does_not)


@pytest.mark.parametrize(
    "pattern",
    [
        "(", "[a", "*", r"\p{Nothing}", "a{99999999999999}", "((a{1000}){1000}){1000}",
        "([a-z](?:[b)]{900}){900}){900}",
        "(" * 2000 + ")" * 2000, "a" * 4097, "(?:(?:a{1000})){1000}", "a{" + "9" * 4000 + "}",
    ],
)  # fmt: skip
def test_what_is_no_pattern_or_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(NotAPattern):
        compile_java_pattern(pattern)
    with pytest.raises(AwsError, match="AllowedPattern of parameter P is not a valid regular expression"):
        check_declaration("P", {"Type": "String", "AllowedPattern": pattern})


def test_all_parameters_of_a_request_share_their_time() -> None:
    matching, began = MatchingTime(0.05), time.process_time()
    for _ in range(20):
        with pytest.raises(TimeSpent):
            matching.matches(ENDLESS, SLOW_TEXT)
    assert time.process_time() - began < 0.5
    declared = {f"P{number}": {"Type": "String", "AllowedPattern": ENDLESS} for number in range(200)}
    given = [{"ParameterKey": name, "ParameterValue": SLOW_TEXT} for name in declared]
    with pytest.raises(AwsError, match="AllowedPattern of parameter P0 takes too long"):
        resolve(declared, given, {})


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"a\hb", "a\tb", True), (r"[\h]", "\t", True), (r"\H", "\t", False), (r"a\vb", "a\nb", True),
        (r"a\Rb", "a\r\nb", True), (r"\e\cA", "\x1b\x01", True), (r"\p{javaLowerCase}", "a", True),
        (r"\p{IsDigit}", "1", True), (r"[a--b]+", "-", True), (r"[a~~b]", "~", True), (r"[a||b]", "|", True),
        (r"[(?d)]", "?", True), (r"[[:alpha:]]", "b", False), (r"[[:alpha:]]", ":", True), (r"(?d:a)", "a", True),
        (r"(?di)a", "A", True), (r"(?U)a", "a", True), (r"(?i-s:a)", "A", True), (r"\[a\]", "[a]", True),
        (r"[a-z&&[^b]]+", "acd", True), (r"[a-z&&[^b]]+", "b", False), (r"a*+a", "aaa", False),
    ],
)  # fmt: skip
def test_what_only_java_writes_so(pattern: str, text: str, matches: bool) -> None:
    assert MatchingTime().matches(pattern, text) is matches
