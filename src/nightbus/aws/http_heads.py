"""Limits the size of the head of an HTTP request, since the parser (httptools) has no limit and buffers a whole head.

Each connection of the node's listeners has a `HeadLimit`, which its protocol informs of the parser's progress. A head
is the request line and the headers. Trailers and the chunk lines of a body count as well.
"""

from __future__ import annotations

MOST_BYTES = 96 * 1024  # AWS accepts at most 8 KB of headers for S3 and a URL of 64 KB
MOST_HEADERS = 1000  # more than 2 KB of user metadata can have


class TooManyHeaders(Exception):
    """Ends the parsing of a request. The protocol closes the connection."""


class HeadLimit:
    """Counts the bytes of one connection that do not belong to a body.

    `counted` is set to 0 when a request begins, when its head is complete and when a part of its body has come; an
    attribute costs less than a method.
    """

    __slots__ = ("counted",)

    def __init__(self) -> None:
        self.counted = 0

    def takes(self, size: int) -> bool:
        """Count `size` bytes and return whether the parser may have them.

        One read is accepted or refused as a whole.
        """
        accepted = self.counted <= MOST_BYTES
        self.counted += size
        return accepted
