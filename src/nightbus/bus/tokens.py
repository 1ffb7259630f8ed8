"""Reads the tokens of a pattern's text, with the positions that AWS's reader reports.

It is a pull reader of strict JSON with AWS's position after each token, because the columns of AWS's errors depend on
it: a field's name is read together with the first token of its value, and a string's text only when it is used.
"""

from __future__ import annotations

from enum import Enum
from typing import NoReturn

from nightbus.bus.errors import InvalidPattern, Position, position, source_at

VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
LITERALS = {"t": "true", "f": "false", "n": "null"}
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LONGEST_SHOWN_TOKEN = 256


class Token(Enum):
    START_OBJECT = "{"
    END_OBJECT = "}"
    START_ARRAY = "["
    END_ARRAY = "]"
    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    TRUE = "true"
    FALSE = "false"
    NULL = "null"
    END = "end"


CLOSERS = {Token.START_OBJECT: "}", Token.START_ARRAY: "]"}
KINDS = {Token.START_OBJECT: "Object", Token.START_ARRAY: "Array"}


class Tokens:
    def __init__(self, text: str) -> None:
        self._source = text
        self._at = 0
        self._open: list[tuple[Token, int]] = []  # the unclosed brackets and their positions
        self._first = True  # no element of the innermost bracket has been read yet
        self._string_pending = False
        self._value_pending: Token | None = None
        self._text = ""
        self.name = ""

    def next(self) -> Token:
        if self._value_pending is not None:
            token, self._value_pending = self._value_pending, None
            return self._entered(token)
        if self._string_pending:
            self.text()
        char = self._skip_space()
        if char is None:
            return self._end()
        if char in "]}":
            return self._close(char)
        if self._open and not self._first:
            char = self._after_comma(char)
        self._first = False
        if self._open and self._open[-1][0] is Token.START_OBJECT:
            return self._read_name(char)
        return self._entered(self._read_value(char))

    def text(self) -> str:
        """Return the current token's text. For a string this reads up to after its closing quote."""
        if self._string_pending:
            self._string_pending = False
            self._text = self._read_string("string value", ": was expecting closing quote for a string value")
        return self._text

    def here(self) -> Position:
        return position(self._source, self._at)

    def refuse(self, reason: str) -> NoReturn:
        raise InvalidPattern(reason, self._source, [self.here()])

    def refuse_without_position(self, reason: str) -> NoReturn:
        raise InvalidPattern(reason, self._source)

    def _entered(self, token: Token) -> Token:
        if token in CLOSERS:
            self._open.append((token, self._at - 1))
            self._first = True
        return token

    def _end(self) -> Token:
        if not self._open:
            return Token.END
        kind, start = self._open[-1]
        self._refuse_end(
            f": expected close marker for {KINDS[kind]} (start marker at {self._source_at(start)})"
        )

    def _close(self, char: str) -> Token:
        self._at += 1
        kind, start = self._open[-1] if self._open else (None, -1)
        expected = CLOSERS[kind] if kind else "}"
        if kind is None or char != expected:
            name = KINDS[kind] if kind else "root"
            opening = self._source_at(start) if kind else source_at(self._source, Position(1, 0))
            self.refuse(
                f"Unexpected close marker '{char}': expected '{expected}' (for {name} starting at {opening})"
            )
        self._open.pop()
        self._first = False
        self._text = char
        return Token(char)

    def _after_comma(self, char: str) -> str:
        kind = KINDS[self._open[-1][0]]
        if char != ",":
            self._refuse_char(f"was expecting comma to separate {kind} entries")
        self._at += 1
        following = self._skip_space()
        if following is None:
            self._refuse_end(f" within/between {kind} entries")
        return following

    def _read_name(self, char: str) -> Token:
        if char != '"':
            self._refuse_char("was expecting double-quote to start field name")
        self._at += 1
        self.name = self._text = self._read_string("name", " in field name")
        if (char_or_end := self._skip_space()) is None:
            self._refuse_end(" within/between Object entries")
        if char_or_end != ":":
            self._refuse_char("was expecting a colon to separate field name and value")
        self._at += 1
        if (value := self._skip_space()) is None:
            self._refuse_end(" within/between Object entries")
        self._value_pending = self._read_value(value)
        return Token.NAME

    def _read_value(self, char: str) -> Token:
        if char == '"':
            self._at += 1
            self._string_pending = True
            return Token.STRING
        if char in "{[":
            self._at += 1
            self._text = char
            return Token(char)
        if char == "-" or char in "0123456789":
            return self._read_number()
        if char in LITERALS:
            return self._read_literal(LITERALS[char])
        if char == "}":
            self._refuse_char("expected a value")
        if char.isalpha() or char in "_$":
            self._refuse_word(0)
        self._refuse_char(f"expected a valid value {VALUES}")

    def _read_literal(self, word: str) -> Token:
        matched = 0
        while matched < len(word) and self._peek(matched) == word[matched]:
            matched += 1
        if matched < len(word) or self._continues_word(matched):
            self._refuse_word(matched)
        self._at += matched
        self._text = word
        return Token(word)

    def _read_number(self) -> Token:
        start = self._at
        if self._peek() == "-":
            self._at += 1
            self._need_digit("expected digit (0-9) to follow minus sign, for valid numeric value")
        if self._peek() == "0" and self._is_digit(1):
            self._at += 1
            self.refuse("Invalid numeric value: Leading zeroes not allowed")
        self._skip_digits()
        if self._peek() == ".":
            self._at += 1
            self._need_digit("Decimal point not followed by a digit")
            self._skip_digits()
        if self._peek() in ("e", "E"):
            self._at += 1
            if self._peek() in ("+", "-"):
                self._at += 1
            self._need_digit("Exponent indicator not followed by a digit")
            self._skip_digits()
        self._text = self._source[start : self._at]
        return Token.NUMBER

    def _skip_digits(self) -> None:
        while self._is_digit():
            self._at += 1

    def _is_digit(self, ahead: int = 0) -> bool:
        return (char := self._peek(ahead)) is not None and char in "0123456789"

    def _need_digit(self, comment: str) -> None:
        char = self._peek()
        if char is None:
            self._refuse_end(" in a Number value")
        if not self._is_digit():
            self._refuse_here(f"Unexpected character ({_describe(char)}) in numeric value: {comment}")

    def _read_string(self, where: str, at_end: str) -> str:
        source, parts, start = self._source, [], self._at
        while True:
            char = self._peek()
            if char is None:
                self._refuse_end(at_end)
            if char == '"' or char == "\\" or char < " ":
                parts.append(source[start : self._at])
                if char == '"':
                    self._at += 1
                    return _join_surrogates("".join(parts))
                if char != "\\":
                    self._refuse_here(
                        f"Illegal unquoted character ({_describe(char)}): has to be escaped using backslash "
                        f"to be included in {where}"
                    )
                parts.append(self._read_escape())
                start = self._at
            else:
                self._at += 1

    def _read_escape(self) -> str:
        self._at += 1
        char = self._peek()
        if char is None:
            self._refuse_end(" in character escape sequence")
        if char in ESCAPES:
            self._at += 1
            return ESCAPES[char]
        if char != "u":
            self._at += 1
            self.refuse(f"Unrecognized character escape {_describe(char)}")
        self._at += 1
        return self._read_hex()

    def _read_hex(self) -> str:
        code = 0
        for _ in range(4):
            char = self._peek()
            if char is None:
                self._refuse_end(" in character escape sequence")
            if char not in "0123456789abcdefABCDEF":
                self._refuse_char("expected a hex-digit for character escape sequence")
            code = code * 16 + int(char, 16)
            self._at += 1
        return chr(code)

    def _peek(self, ahead: int = 0) -> str | None:
        index = self._at + ahead
        return self._source[index] if index < len(self._source) else None

    def _continues_word(self, ahead: int) -> bool:
        return (char := self._peek(ahead)) is not None and (char.isalnum() or char in "_$")

    def _skip_space(self) -> str | None:
        """Return the first character that is not white space, without consuming it; None at the end."""
        while (char := self._peek()) is not None and char in " \t\r\n":
            self._at += 1
        if char is not None and char < " ":
            self._at += 1
            self.refuse(
                f"Illegal character ({_describe(char)}): only regular white space (\\r, \\n, \\t) "
                "is allowed between tokens"
            )
        if char == "/":
            self._refuse_char(
                "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' "
                "not enabled for parser)"
            )
        return char

    def _source_at(self, offset: int) -> str:
        return source_at(self._source, position(self._source, offset))

    def _refuse_here(self, reason: str) -> NoReturn:
        """Raise the error at the wrong character, after which AWS's reader is then."""
        position = self.here()
        self._at += 1
        raise InvalidPattern(reason, self._source, [position])

    def _refuse_char(self, comment: str) -> NoReturn:
        self._refuse_here(f"Unexpected character ({_describe(self._source[self._at])}): {comment}")

    def _refuse_word(self, matched: int) -> NoReturn:
        start = self._at
        self._at += matched
        while self._continues_word(0) and self._at - start < LONGEST_SHOWN_TOKEN:
            self._at += 1
        word = self._source[start : self._at] + ("..." if self._at - start >= LONGEST_SHOWN_TOKEN else "")
        self.refuse(f"Unrecognized token '{word}': was expecting {VALUES}")

    def _refuse_end(self, where: str) -> NoReturn:
        self._at = len(self._source)
        self.refuse(f"Unexpected end-of-input{where}")


def _describe(char: str) -> str:
    code = ord(char)
    if code < 32 or 127 <= code < 160:
        return f"(CTRL-CHAR, code {code})"
    unit = code if code <= 0xFFFF else 0xD800 + ((code - 0x10000) >> 10)
    return f"'{char}' (code {unit}{f' / 0x{unit:x}' if unit > 255 else ''})"


def _join_surrogates(text: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text
