"""Puts together what a node has for answers to its stacks: URLs, responses of custom resources, signals."""

from __future__ import annotations

from nightbus.clock import Clock
from nightbus.stacks.callbacks.responses import CustomResponses
from nightbus.stacks.callbacks.signals import Signals
from nightbus.stacks.callbacks.urls import RESPONSES, Callback, CallbackUrls
from nightbus.store.interface import Store
from nightbus.store.vault import Vault


class StackCallbacks:
    """`secret` signs the URLs; `endpoint` is the node's own, by which functions reach it."""

    def __init__(self, store: Store, clock: Clock, vault: Vault, secret: bytes, endpoint: str) -> None:
        self.urls = CallbackUrls(secret, endpoint)
        self.responses = CustomResponses(store, clock, vault, self.urls)
        self.signals = Signals(store, clock, self.urls)

    async def accept(self, callback: Callback, body: bytes, *, too_long: bool) -> None:
        """Take what was sent to a URL. Raises AwsError for a signal that is none."""
        if callback.kind == RESPONSES:
            await self.responses.accept(callback, body, too_long=too_long)
        else:
            await self.signals.accept(callback, body)
