"""Finds the value of one setting: in the command's own option, the variable `NIGHTBUS_*`, or the file `nightbus.toml`.

What a setting means is not known here (`settings.py`), only how texts and tables become values of a kind, and how a
mistake is named: with the option, the variable or the file in which it stands.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

FILE_NAME = "nightbus.toml"
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_LARGEST_PORT = 65535


class SettingsError(ValueError):
    """A setting cannot be used; the text says which, where it stands and why."""


class Sources:
    """The variables, and the file in `folder` or in the nearest folder above it. `known` are the file's settings.

    Every method raises SettingsError for a value that is not of its kind.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path, known: Collection[str]) -> None:
        self.environ = environ
        self.file, self.table = _find_file(folder, known)

    def switch(self, name: str, default: bool, option: bool | None = None) -> bool:
        if option is not None:
            return option
        variable = _variable(name)
        if variable in self.environ:
            text = self.environ[variable].strip().lower()
            if text not in _TRUE | _FALSE:
                raise SettingsError(f"{variable}: {text!r} is neither true nor false")
            return text in _TRUE
        value = self.table.get(name, default)
        if not isinstance(value, bool):
            raise SettingsError(f"{self.file}: {name} must be true or false")
        return value

    def text(self, name: str, option: str | None = None) -> str | None:
        return option or self.environ.get(_variable(name)) or self.text_of_file(name)

    def text_of_file(self, name: str) -> str | None:
        value = self.table.get(name)
        if value is not None and not isinstance(value, str):
            raise SettingsError(f"{self.file}: {name} must be a string")
        return value

    def path(self, name: str, option: Path | None = None) -> Path | None:
        """A path of the file is relative to the folder of the file."""
        chosen = option or self.environ.get(_variable(name))
        if chosen:
            return Path(chosen).expanduser()
        text = self.text_of_file(name)
        if text is None or self.file is None:
            return None
        return self.file.parent / Path(text or ".").expanduser()

    def port(self, default: int, option: int | None) -> int:
        variable = _variable("port")
        value: object
        if option is not None:
            value, origin = option, "--port"
        elif self.environ.get(variable):
            text, origin = self.environ[variable], variable
            if not text.isdecimal():
                raise SettingsError(f"{origin}: {text!r} is not a port number")
            value = int(text)
        else:
            value, origin = self.table.get("port", default), f"{self.file}: port"
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_PORT:
            raise SettingsError(f"{origin}: {value!r} is not a port number (0 to {_LARGEST_PORT})")
        return value

    def count(self, name: str, default: int) -> int:
        variable = _variable(name)
        origin, value = f"{self.file}: {name}", self.table.get(name, default)
        if self.environ.get(variable):
            origin, text = variable, self.environ[variable]
            value = int(text) if text.isdecimal() else text
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise SettingsError(f"{origin}: {value!r} is not a whole number above 0")
        return value

    def one_of(self, values: tuple[str, ...], name: str, option: str | None) -> str:
        """Return one of `values`, of which the first is the default."""
        variable = _variable(name)
        origin, value = f"{self.file}: {name}", self.text_of_file(name)
        if option or self.environ.get(variable):
            origin = f"--{name.replace('_', '-')}" if option else variable
            value = option or self.environ[variable]
        if value not in (None, *values):
            neither = (
                f"neither {values[0]} nor {values[1]}" if len(values) == 2 else f"none of {', '.join(values)}"
            )
            raise SettingsError(f"{origin}: {value!r} is {neither}")
        return value or values[0]

    def names(self, name: str, options: Sequence[str], check: Callable[[str], str]) -> tuple[str, ...]:
        """A list of strings: an option that may be repeated, a variable with commas, or an array in the file.

        `check` returns a name as it is used, and raises ValueError.
        """
        variable = _variable(name)
        if options:
            origin, texts = f"--{name.replace('_', '-').rstrip('s')}", list(options)
        elif variable in self.environ:
            origin = variable
            texts = [text.strip() for text in self.environ[variable].split(",") if text.strip()]
        else:
            origin, texts = f"{self.file}: {name}", self.table.get(name, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise SettingsError(f"{origin} must be an array of strings")
        try:
            return tuple(check(text) for text in texts)
        except ValueError as wrong:
            raise SettingsError(f"{origin}: {wrong}") from None


def _variable(name: str) -> str:
    return f"NIGHTBUS_{name.upper()}"


def _find_file(folder: Path, known: Collection[str]) -> tuple[Path | None, dict[str, Any]]:
    for candidate in (folder, *folder.parents):
        file = candidate / FILE_NAME
        if file.is_file():
            return file, _read(file, known)
    return None, {}


def _read(file: Path, known: Collection[str]) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise SettingsError(f"{file}: {broken}") from broken
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise SettingsError(f"{file}: unknown setting {', '.join(unknown)}; known are {', '.join(known)}")
    return table
