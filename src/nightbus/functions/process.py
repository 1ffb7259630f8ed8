"""Starts, freezes, thaws and ends the process of one environment, with all that it forked.

Where extensions are supervised the runtime is a child of that process, and its exit is told by the supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nightbus.functions.environment_network import EnvironmentNetwork, NetworkFailed
from nightbus.functions.freezing import Freezer, freezer
from nightbus.functions.init_link import InitLink
from nightbus.functions.process_tree import threads_wait
from nightbus.functions.variables_file import variables_file
from nightbus.functions.zygotes import Zygote, ZygoteDied

_LOOK_SECONDS, _MOST_LOOKS = 0.002, 250


class EnvironmentProcess:
    """`exit` gets the wait status of the runtime, `gone` that of the process; `exited` is called after the first.

    `network`: its own network; None where it shares the machine's.
    """

    def __init__(self, exited: Callable[[], None], network: EnvironmentNetwork | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._exited = exited
        self._network = network
        self._link = InitLink() if network is None else network.link
        self._freezer: Freezer | None = None
        self.is_frozen = False
        self.pid = 0
        self.init = (
            0  # the first process of its pid namespace, which adopts orphans; 0 where it has none of its own
        )
        self.exit: asyncio.Future[int] = loop.create_future()
        self.gone: asyncio.Future[int] = loop.create_future()

    async def start(
        self,
        zygote: Zygote,
        request: dict[str, Any],
        variables: Mapping[str, str],
        output: int,
        more: Sequence[int] = (),
    ) -> None:
        """Raises ZygoteDied. `variables`: its environment variables, which the zygote does not read."""
        network = self._network
        if network is not None:
            request = {**request, "network": network.addresses}
        try:
            with variables_file(variables) as file:
                passed = [file.fileno(), *more, self._link.descriptor]
                self.pid = await zygote.fork(request, output, self._is_gone, passed)
        except OSError as failure:
            raise ZygoteDied(str(failure)) from failure
        self.init = zygote.init_of(self.pid)
        self._link.started()
        self._freezer = freezer(self.pid, self.init, self._link)
        if network is not None:
            try:
                await network.started()
            except NetworkFailed as failure:
                raise ZygoteDied(str(failure)) from failure

    def _is_gone(self, status: int) -> None:
        if self.pid:  # what it left behind, in case that the zygote is gone as well
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        if not self.gone.done():
            self.gone.set_result(status)
        self.runtime_exited(status)

    def runtime_exited(self, status: int) -> None:
        if not self.exit.done():
            self.exit.set_result(status)
            self._exited()

    def freeze(self) -> bool:
        """Nothing of it runs until `thaw`. False where that cannot be."""
        if self._freezer is not None and not self.gone.done():
            self.is_frozen = self._freezer.freeze()
        return self.is_frozen

    def thaw(self) -> None:
        if self.is_frozen and self._freezer is not None:
            self.is_frozen = False
            self._freezer.thaw()

    async def terminate(self) -> None:
        """Let it end itself.

        The threads of one that was frozen wait again before the signal comes, or half a second has passed. One that
        still wakes would else take it, and the first one, which handles signals in Python, would not hear of it.
        """
        looks = _MOST_LOOKS if self.is_frozen else 0
        self.thaw()
        for _ in range(looks):
            if threads_wait(self.pid):
                break
            await asyncio.sleep(_LOOK_SECONDS)
        if self.pid and not self.gone.done():
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """The process and everything that it forked, frozen or not; the zygote reports the end."""
        if self.pid and not self.gone.done():
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)

    async def wait_gone(self, seconds: float) -> None:
        """It is told nothing more after that."""
        if self.pid:
            await asyncio.wait([self.gone], timeout=seconds)
        self._link.close()
