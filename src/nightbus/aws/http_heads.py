"""Limits the head of an HTTP request: the parser has no limit of its own, and keeps what it has not finished.

For the listeners of this machine: each of their connections counts with one `HeadLimit`, which is told what the parser
(httptools) meets. A head is the request line and the headers; the trailers and chunk lines of a body count as well.
"""

from __future__ import annotations

MOST_BYTES = 96 * 1024  # AWS takes 8 KB of headers for S3 and 64 KB of a URL at most
MOST_HEADERS = 1000  # 2 KB of user metadata are fewer


class TooManyHeaders(Exception):
    """Ends the parsing of a request, whose connection is to be closed."""


class HeadLimit:
    """Counts one connection's bytes that belong to no body.

    `counted` is set to 0 when a request begins, when its head is whole and when a part of its body came; that costs
    less than a method.
    """

    __slots__ = ("counted",)

    def __init__(self) -> None:
        self.counted = 0

    def takes(self, size: int) -> bool:
        """Whether `size` more bytes may be given to the parser. What is read at once is not cut."""
        taken = self.counted <= MOST_BYTES
        self.counted += size
        return taken
