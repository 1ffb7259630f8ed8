"""Tells signed requests from visits of the links in notifications, which have no credentials and may do less."""

from __future__ import annotations

from nightbus.aws.calls import Caller


def is_signed(caller: Caller) -> bool:
    """Whether the request had credentials, or came from inside."""
    return not caller.is_anonymous
