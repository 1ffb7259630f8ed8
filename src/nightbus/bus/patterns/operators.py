"""Parses one match expression of a rule, such as `{"prefix": "x"}`.

Each function starts after the operator's name and reads to the end of the expression. Tokens are read and checked in
AWS's order, which the columns of its errors reveal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.numbers import comparable
from nightbus.bus.patterns import matchers
from nightbus.bus.patterns.addresses import parse_block
from nightbus.bus.patterns.case_folding import folds
from nightbus.bus.patterns.matchers import Matcher
from nightbus.bus.patterns.wildcards import BadWildcard, Parts, parse_wildcard
from nightbus.bus.tokens import Token, Tokens

ONE_KEY = "Only one key allowed in match expression"
TOO_MANY = "Too many elements in numeric expression"


def parse_expression(tokens: Tokens) -> Matcher:
    """Parse an expression, from after its opening brace."""
    if tokens.next() is not Token.NAME:
        tokens.refuse("Match expression name not found")
    parse = OPERATORS.get(tokens.name)
    if parse is None:
        tokens.refuse(f"Unrecognized match type {tokens.name}")
    return parse(tokens)


def _exactly(tokens: Tokens) -> Matcher:
    return _closed(tokens, matchers.Exact(_string(tokens, "exact"), spelled=True))


def _prefix(tokens: Tokens) -> Matcher:
    token = tokens.next()
    if token is Token.START_OBJECT:
        text = _ignore_case_inside(tokens, "prefix")
        return matchers.PrefixIgnoreCase(text, folds(text))
    return _closed(tokens, matchers.Prefix(_as_string(tokens, token, "prefix")))


def _suffix(tokens: Tokens) -> Matcher:
    token = tokens.next()
    if token is Token.START_OBJECT:
        text = _ignore_case_inside(tokens, "suffix")
        return matchers.SuffixIgnoreCase(text, folds(text))
    return _closed(tokens, matchers.Suffix(_as_string(tokens, token, "suffix")))


def _ignore_case_inside(tokens: Tokens, operator: str) -> str:
    if tokens.next() is not Token.NAME:
        tokens.refuse(f"{operator.capitalize()} expression name not found")
    if tokens.name != "equals-ignore-case":
        tokens.refuse(f"Unsupported {operator} pattern: {tokens.name}")
    text = _string(tokens, "equals-ignore-case")
    for _ in range(2):
        if tokens.next() is not Token.END_OBJECT:
            tokens.refuse(ONE_KEY)
    return text


def _ignore_case(tokens: Tokens) -> Matcher:
    text = _string(tokens, "equals-ignore-case")
    return _closed(tokens, matchers.IgnoreCase(text, folds(text)))


def _wildcard(tokens: Tokens) -> Matcher:
    text = _string(tokens, "wildcard")
    return _closed(tokens, matchers.Wildcard(text, _wildcard_parts(tokens, text)))


def _wildcard_parts(tokens: Tokens, text: str) -> Parts:
    try:
        return parse_wildcard(text)
    except BadWildcard as error:
        tokens.refuse(str(error))


def _cidr(tokens: Tokens) -> Matcher:
    # AWS's text has "prefix" here.
    text = _string(tokens, "prefix")
    block = parse_block(text)
    if isinstance(block, str):
        tokens.refuse_without_position(block)
    return _closed(tokens, matchers.Cidr(text, block))


def _string(tokens: Tokens, operator: str) -> str:
    return _as_string(tokens, tokens.next(), operator)


def _as_string(tokens: Tokens, token: Token, operator: str) -> str:
    if token is not Token.STRING:
        tokens.refuse(f"{operator} match pattern must be a string")
    return tokens.text()


def _closed(tokens: Tokens, matcher: Matcher) -> Matcher:
    if tokens.next() is not Token.END_OBJECT:
        tokens.refuse(ONE_KEY)
    return matcher


def _exists(tokens: Tokens) -> Matcher:
    token = tokens.next()
    if token is Token.TRUE:
        return _closed(tokens, matchers.Exists())
    if token is Token.FALSE:
        return _closed(tokens, matchers.Absent())
    tokens.refuse("exists match pattern must be either true or false.")


def _numeric(tokens: Tokens) -> Matcher:
    if tokens.next() is not Token.START_ARRAY:
        tokens.refuse("Value of numeric must be an array.")
    matcher = _range(tokens)
    if tokens.next() is not Token.END_OBJECT:
        tokens.refuse(TOO_MANY)
    return matcher


def _range(tokens: Tokens) -> Matcher:
    if tokens.next() is not Token.STRING:
        tokens.refuse(f"Invalid member in numeric match: {tokens.text()}")
    operator = tokens.text()
    token = tokens.next()
    if operator not in ("=", "<", "<=", ">", ">="):
        tokens.refuse(f"Unrecognized numeric range operator: {operator}")
    if token is not Token.NUMBER:
        tokens.refuse(f"Value of {'equals' if operator == '=' else operator} must be numeric")
    bound = tokens.text()
    token = tokens.next()
    if token is Token.END_ARRAY:
        return _one_bound(tokens, operator, bound)
    if operator in (">", ">="):
        return _two_bounds(tokens, token, operator, bound)
    tokens.refuse(TOO_MANY)


def _one_bound(tokens: Tokens, operator: str, bound: str) -> Matcher:
    value = _comparable(tokens, bound)
    included = operator != "<" and operator != ">"
    low = value if operator in ("=", ">", ">=") else None
    high = value if operator in ("=", "<", "<=") else None
    return matchers.Numeric(
        low, high, low_included=included and low is not None, high_included=included and high is not None
    )


def _two_bounds(tokens: Tokens, token: Token, low_operator: str, low_text: str) -> Matcher:
    if token is not Token.STRING:
        tokens.refuse(f"Bad value in numeric range: {tokens.text()}")
    operator = tokens.text()
    if operator not in ("<", "<="):
        tokens.refuse(f"Bad numeric range operator: {operator}")
    if tokens.next() is not Token.NUMBER:
        tokens.refuse(f"Value of {operator} must be numeric")
    high_text = tokens.text()
    if tokens.next() is not Token.END_ARRAY:
        tokens.refuse("Too many terms in numeric range expression")
    low, high = _comparable(tokens, low_text), _comparable(tokens, high_text)
    if low >= high:
        tokens.refuse("Bottom must be less than top")
    return matchers.Numeric(low, high, low_operator == ">=", operator == "<=")


def _comparable(tokens: Tokens, text: str) -> float:
    value = comparable(text)
    if value is None:
        tokens.refuse(f"Cannot compare number : {text}")
    return value


NESTED = ("equals-ignore-case", "prefix", "suffix", "wildcard")


def _anything_but(tokens: Tokens) -> Matcher:
    operator = None
    token = tokens.next()
    if token is Token.START_OBJECT:
        if tokens.next() is not Token.NAME:
            tokens.refuse("Anything-But expression name not found")
        operator = tokens.name
        if operator not in NESTED:
            tokens.refuse(f"Unsupported anything-but pattern: {operator}")
        token = tokens.next()
    if token not in (Token.START_ARRAY, Token.STRING, Token.NUMBER):
        tokens.refuse("Value of anything-but must be an array or single string/number value.")
    matcher = _anything_but_values(tokens, token) if operator is None else _nested(tokens, token, operator)
    for _ in range(1 if operator is None else 2):
        if tokens.next() is not Token.END_OBJECT:
            tokens.refuse(TOO_MANY)
    return matcher


def _anything_but_values(tokens: Tokens, token: Token) -> Matcher:
    if token is Token.STRING:
        return matchers.AnythingBut((tokens.text(),))
    if token is Token.NUMBER:
        value = comparable(tokens.text())
        if value is None:
            tokens.refuse_without_position(f"Cannot compare number : {tokens.text()}")
        return matchers.AnythingBut((value,))
    strings: list[str] = []
    numbers: list[float] = []
    try:
        while (token := tokens.next()) is not Token.END_ARRAY:
            if token is Token.STRING:
                strings.append(tokens.text())
            elif token is Token.NUMBER:
                numbers.append(_list_number(tokens))
            else:
                tokens.refuse("Inside anything but list, start|null|boolean is not supported.")
    except InvalidPattern as error:
        _refuse_again(tokens, error)
    if bool(strings) == bool(numbers):
        tokens.refuse(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    return matchers.AnythingBut(tuple(dict.fromkeys(strings)) or tuple(dict.fromkeys(numbers)))


def _list_number(tokens: Tokens) -> float:
    value = comparable(tokens.text())
    if value is None:
        # An error without a position gets the list's position.
        tokens.refuse_without_position(f"Cannot compare number : {tokens.text()}")
    return value


def _nested(tokens: Tokens, token: Token, operator: str) -> Matcher:
    if token is not Token.START_ARRAY:
        return _excluding(tokens, operator, [_nested_text(tokens, token, operator)])
    texts: list[str] = []
    try:
        while (token := tokens.next()) is not Token.END_ARRAY:
            texts.append(_nested_text(tokens, token, operator))
    except InvalidPattern as error:
        _refuse_again(tokens, error)
    return _excluding(tokens, operator, texts)


def _nested_text(tokens: Tokens, token: Token, operator: str) -> str:
    if token is not Token.STRING:
        if operator == "equals-ignore-case":
            tokens.refuse(
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            )
        kind = operator if operator == "wildcard" else "prefix/suffix"
        tokens.refuse(f"{kind} match pattern must be a string")
    text = tokens.text()
    if not text and operator in ("prefix", "suffix"):
        tokens.refuse("Null prefix/suffix not allowed")
    return text


def _excluding(tokens: Tokens, operator: str, texts: list[str]) -> Matcher:
    excluded: tuple[matchers.Prefix | matchers.Suffix | matchers.Wildcard | matchers.IgnoreCase, ...]
    texts = list(dict.fromkeys(texts))
    if operator == "prefix":
        excluded = tuple(matchers.Prefix(text) for text in texts)
    elif operator == "suffix":
        excluded = tuple(matchers.Suffix(text) for text in texts)
    elif operator == "wildcard":
        excluded = tuple(matchers.Wildcard(text, _wildcard_parts(tokens, text)) for text in texts)
    else:
        excluded = tuple(matchers.IgnoreCase(text, folds(text)) for text in texts)
    return matchers.AnythingButMatching(operator, excluded)


def _refuse_again(tokens: Tokens, error: InvalidPattern) -> NoReturn:
    """Raise the error again with the present position, as AWS does for errors inside its lists."""
    raise error.again_at(tokens.here()) from None


OPERATORS: dict[str, Callable[[Tokens], Matcher]] = {
    "exactly": _exactly,
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "anything-but": _anything_but,
    "exists": _exists,
    "cidr": _cidr,
}
