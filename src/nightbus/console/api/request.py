"""Defines what a handler of the API gets: the request, its account and Region, and ways to call operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.identity.console_sessions import Session
from nightbus.node.admin.request import AdminRequest
from nightbus.node.node import Node
from nightbus.services.context import Platform
from nightbus.store.interface import Store

USER_AGENT = "nightbus-console"
T = TypeVar("T")


class KeptObjects:
    """What handlers keep from one request to the next: one object for each node and function that makes it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Node, Callable[[Node], Any]], Any] = {}

    def get(self, node: Node, make: Callable[[Node], T]) -> T:
        key = (node, make)
        if key not in self._kept:
            self._kept[key] = make(node)
        kept: T = self._kept[key]
        return kept

    def keep(self, node: Node, make: Callable[[Node], T], kept: T) -> None:
        """What was made before anybody asked for it."""
        self._kept[node, make] = kept

    def in_memory(self) -> dict[str, int]:
        """The sizes of those that report them."""
        sizes: dict[str, int] = {}
        for kept in self._kept.values():
            sizes |= kept.in_memory() if hasattr(kept, "in_memory") else {}
        return sizes


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """`scope` is the query's `account` and `region`. `session` is None for a caller without a browser."""

    http: AdminRequest
    scope: Scope
    session: Session | None
    kept_objects: KeptObjects

    @property
    def node(self) -> Node:
        return self.http.node

    @property
    def platform(self) -> Platform:
        return self.http.node.platform

    @property
    def store(self) -> Store:
        return self.http.node.store

    def kept(self, make: Callable[[Node], T]) -> T:
        """The object that `make(node)` made when it was first asked for; one with `in_memory()` reports its size."""
        return self.kept_objects.get(self.node, make)

    def now_ms(self) -> int:
        return self.http.node.clock.now_ms()

    async def read(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """Call an operation that only reads, as the node itself: no policy limits it, no trail records it.

        Raises AwsError.
        """
        return await self._call(service, operation, params, trusted=True)

    async def change(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """Call an operation as the account's administrator: authorised, and recorded in the trail. Raises AwsError."""
        return await self._call(service, operation, params, trusted=False)

    async def _call(
        self, service: str, operation: str, params: Mapping[str, Any], *, trusted: bool
    ) -> dict[str, Any]:
        return await self.platform.operations.call(service, operation, params, self.call(trusted=trusted))

    def call(self, *, trusted: bool = False) -> Call:
        """A call with a request id of its own, as the account's administrator or, `trusted`, as the node itself."""
        client = self.http.asgi.get("client")
        return Call(
            self.scope,
            Caller.root(self.scope.account),
            self.node.endpoint,
            source_ip=client[0] if client else "",
            user_agent=USER_AGENT,
            trusted=trusted,
        )
