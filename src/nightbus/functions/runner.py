"""How does a function run? The one object that the rest of the node talks to; the work is in its neighbours."""

from __future__ import annotations

from pathlib import Path

from nightbus.aws.calls import Scope
from nightbus.aws.errors import not_supported
from nightbus.clock import Clock
from nightbus.functions.interface import CredentialSource, FunctionSpec, InvokeResult, LogSink


class Runner:
    """Implements `FunctionRunner`. `folder` is this package's own, inside the node's data folder."""

    def __init__(
        self, folder: Path, clock: Clock, logs: LogSink, credentials: CredentialSource, endpoint: str
    ) -> None:
        self._folder = folder

    async def prewarm(self, runtime: str = "") -> None:
        """Make the first cold start of that runtime short; returns at once."""

    async def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        *,
        request_id: str,
        invoked_arn: str,
        client_context: str = "",
        trace: str = "",
    ) -> InvokeResult:
        raise not_supported("lambda", "Invoke")

    async def retire(self, scope: Scope, name: str) -> None:
        """Let go of the function's environments."""

    async def close(self) -> None:
        """End all environments."""
