"""Declares what the rest of this package knows of a runtime: where it is, and how a process of it begins.

A family (Python, Node.js, the customer's own program) is a module beside this one. It has the answers; `runner` asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nightbus.functions.interface import FunctionSpec


class CannotProvide(Exception):
    """The interpreter is there, but what a runtime needs beside it could not be installed."""


@dataclass(frozen=True, slots=True)
class ZygoteKind:
    """A process that environments are forked from.

    `executable`: the Python that it runs on. `packages`: the folder of which it imports boto3 and awslambdaric; None
    where its children only execute a program, so that nothing is imported.
    """

    executable: Path
    packages: Path | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """One of AWS's runtimes, as this machine has it.

    `label`: the version as INIT_START says it ("python:3.11.v7").
    `zygote`: what its environments are forked from.
    `folder`: what lies at /var/runtime, where the function's code does not change that.
    `needed`: what a function must be able to read beside `executable` and its installation, wherever it lies.
    `executable`: the interpreter; None where the function brings its own program.
    `version`: the interpreter's own ("3.11.7"); "" without one.
    `note`: why it is not exactly the runtime that was named; "" where it is.
    """

    name: str
    label: str
    zygote: ZygoteKind
    folder: Path
    needed: tuple[Path, ...] = ()
    executable: Path | None = None
    version: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """How the process of one function's environments begins.

    `runtime`: which it is of.
    `folder`: what lies at /var/runtime.
    `programs`: the command lines of which the forked process executes the first whose program exists. A word may
    contain {task}, {opt} and {runtime} for these folders. Empty where the zygote runs the function itself.
    `variables`: environment variables that the function may set itself; None takes one away. Of those that
    `zygote_programs` lists the value may contain the same.
    `notes`: lines for the function's log.
    """

    runtime: Runtime
    folder: Path
    programs: Sequence[Sequence[str]] = ()
    variables: Mapping[str, str | None] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a runtime would run on, found without installing anything.

    `executable` and `version` are the interpreter's; None and "" where there is none. `exact`: it is of the version
    that the runtime names. `advice`: how to add that version; "" where it is there. `deprecated`: the date from which
    the runtime is deprecated on AWS; "" where it is not.
    """

    name: str
    executable: Path | None = None
    version: str = ""
    exact: bool = True
    advice: str = ""
    deprecated: str = ""


def deprecation_notes(dates: Mapping[str, str], name: str) -> list[str]:
    """What the log of a function is told; nothing where the runtime is not deprecated. `dates` are by runtime."""
    return [f"Nightbus: WARNING: {name} is deprecated on AWS since {dates[name]}."] if name in dates else []


class RuntimeFamily(Protocol):
    @property
    def names(self) -> Sequence[str]:
        """AWS's runtimes of this family, the oldest first."""
        ...

    def preview(self, name: str) -> Preview:
        """What `find` would find, in a fraction of a second."""
        ...

    def installed(self) -> Sequence[tuple[str, Path]]:
        """Every interpreter of the family on this machine, with its version."""
        ...

    def has(self, name: str) -> bool:
        """Whether AWS's runtime of that name is of this family."""
        ...

    def find(self, name: str) -> Runtime:
        """The best that the machine has. Blocks, at the first time maybe for minutes. Raises AwsError."""
        ...

    def launch(self, runtime: Runtime, spec: FunctionSpec, code: Path, layers: Path | None) -> Launch:
        """`code` and `layers` are the folders that become /var/task and /opt. Blocks."""
        ...
