"""Fills InputTemplates, and checks whether AWS accepts them.

A placeholder outside quotes becomes JSON (a string with quotes). One inside quotes becomes the unescaped text, as AWS
documents, and an object or array loses its quotes. A value that the event does not have is an empty string.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.bus.errors import InvalidPattern, source_at
from nightbus.bus.json_text import write_bare, write_json
from nightbus.bus.tokens import Token, Tokens

PREDEFINED = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event",
        "aws.events.event.json",
        "aws.events.event.ingestion-time",
    }
)
# Placeholders that only a template of a JSON object may have.
WHOLE_EVENT = "aws.events.event.json"
NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


@dataclass(frozen=True, slots=True)
class Placeholder:
    name: str
    quoted: bool


def pieces(template: str) -> Iterator[str | Placeholder]:
    """Yield texts and placeholders. A JSON object or array comes without the white space between its tokens."""
    minify = template.lstrip()[:1] in ("{", "[")
    at, quoted = 0, False
    while at < len(template):
        char = template[at]
        if char == "<" and (name := _name_at(template, at + 1)):
            yield Placeholder(name, quoted)
            at += len(name) + 2
            continue
        if quoted and char == "\\":
            yield template[at : at + 2]
            at += 2
            continue
        if char == '"':
            quoted = not quoted
        if quoted or not minify or not char.isspace():
            yield char
        at += 1


def _name_at(template: str, start: int) -> str:
    end = start
    while end < len(template) and template[end] in NAME_CHARS:
        end += 1
    return template[start:end] if template[end : end + 1] == ">" else ""


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """Return the filled template. `variables` has no entry for a value that the event does not have."""
    texts: list[str] = []
    for piece in pieces(template):
        if isinstance(piece, str):
            texts.append(piece)
        else:
            value = variables.get(piece.name, "")
            texts.append(write_bare(value) if piece.quoted else write_json(value))
    return "".join(texts)


def why_invalid(template: str, variables: Mapping[str, str], target: str) -> str | None:
    placeholders = [piece for piece in pieces(template) if isinstance(piece, Placeholder)]
    for placeholder in placeholders:
        if placeholder.name not in variables and placeholder.name not in PREDEFINED:
            return f"InputTemplate for target {target} contains invalid placeholder {placeholder.name}."
        if placeholder.name == WHOLE_EVENT and template.lstrip()[:1] != "{":
            return f"InputTemplate for target {target} contains placeholder {WHOLE_EVENT} valid only for JSON template."
    sample = sample_of(template)
    try:
        _read_values(Tokens(sample))
    except InvalidPattern as error:
        location = source_at(sample, error.positions[0])
        return f"Invalid InputTemplate for target {target} : {location}."
    return None


def sample_of(template: str) -> str:
    """Return the template with a sample for every placeholder outside quotes, and with its line breaks."""
    texts: list[str] = []
    at, quoted = 0, False
    while at < len(template):
        char = template[at]
        if not quoted and char == "<" and (name := _name_at(template, at + 1)):
            texts.append("null")
            at += len(name) + 2
            continue
        width = 2 if quoted and char == "\\" else 1
        if char == '"':
            quoted = not quoted
        texts.append(template[at : at + width])
        at += width
    return "".join(texts)


def _read_values(tokens: Tokens) -> None:
    """Read one JSON value, or several strings, since a text of several lines has each line in quotes."""
    token = tokens.next()
    if token is Token.END:
        tokens.refuse("No content")
    only_strings = True
    while token is not Token.END:
        only_strings = only_strings and token is Token.STRING
        _skip_value(tokens, token)
        token = tokens.next()
        if token is not Token.END and not (only_strings and token is Token.STRING):
            tokens.refuse("More than one value")


def _skip_value(tokens: Tokens, token: Token) -> None:
    depth = 0
    while True:
        if token in (Token.START_OBJECT, Token.START_ARRAY):
            depth += 1
        elif token in (Token.END_OBJECT, Token.END_ARRAY):
            depth -= 1
        if not depth:
            return
        token = tokens.next()
