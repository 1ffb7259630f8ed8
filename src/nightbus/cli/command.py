"""Defines a command of the command line, as the table of commands lists it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

Arguments = argparse.Namespace


@dataclass(frozen=True, slots=True)
class Command:
    """A command. `run` returns the exit code, None for 0. `arguments` come before the options in the usage line."""

    name: str
    help: str
    declare: Callable[[argparse.ArgumentParser], object]
    run: Callable[[Arguments], int | None]
    arguments: str = ""
