"""Imports the parts of uvicorn that serve requests, without its command line.

The package's `__init__` imports the command line, with click and the watchers of files: a tenth of a node's start. So
an empty package stands in for it, until somebody asks for what only `__init__` has.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

__all__ = ["STATUS_LINE", "Config", "HttpToolsProtocol", "RequestResponseCycle", "Server"]


def _without_command_line() -> None:
    spec = importlib.util.find_spec("uvicorn")
    if "uvicorn" in sys.modules or spec is None or spec.loader is None:
        return
    loader, package = spec.loader, importlib.util.module_from_spec(spec)

    def load(name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        del package.__getattr__
        loader.exec_module(package)
        return getattr(package, name)

    package.__getattr__ = load  # type: ignore[method-assign]
    sys.modules["uvicorn"] = package


_without_command_line()

from uvicorn.config import Config  # noqa: E402
from uvicorn.protocols.http.httptools_impl import (  # noqa: E402
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import Server  # noqa: E402

_PACKAGE: Any = sys.modules["uvicorn"]
_PACKAGE.Config, _PACKAGE.Server = (
    Config,
    Server,
)  # as `__init__` does; parts of uvicorn import them from there
