"""Tells signed requests from visits to the links in notifications, which have no credentials and fewer rights."""

from __future__ import annotations

from nightbus.aws.calls import Caller


def is_signed(caller: Caller) -> bool:
    """Return whether the request has credentials, or comes from the node itself."""
    return not caller.is_anonymous
