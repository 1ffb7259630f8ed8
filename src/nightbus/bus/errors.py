"""How is a pattern refused? With AWS's reason and the position at which AWS's own parser stopped."""

from __future__ import annotations


class InvalidPattern(ValueError):
    """`reason` is AWS's text; `line` and `column` are None where AWS gives no position.

    `doubled`: inside the lists of anything-but's operators AWS wraps the error twice, so the position stands twice.
    """

    def __init__(
        self,
        reason: str,
        text: str,
        line: int | None = None,
        column: int | None = None,
        *,
        doubled: bool = False,
    ) -> None:
        self.reason = reason
        self.text = text
        self.line = line
        self.column = column
        where = "" if line is None else f'\n at [Source: (String)"{text}"; line: {line}, column: {column}]'
        super().__init__(f"Event pattern is not valid. Reason: {reason}{where * (2 if doubled else 1)}")
