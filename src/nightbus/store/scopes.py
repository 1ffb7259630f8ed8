"""Says how backends write down scopes, and what names a log or a queue in their tables."""

from __future__ import annotations

from nightbus.aws.calls import Scope

NameKey = tuple[Scope, str, str]  # with "log" or "queue", and the name


def scope_text(scope: Scope) -> str:
    return f"{scope.account}/{scope.region}"


def scope_of(text: str) -> Scope:
    account, _, region = text.partition("/")
    return Scope(account, region)
