"""Keeps botocore's data models parsed in a zygote, so that the first client in a new environment need not parse them.

botocore reads one to ten MB of JSON for a client (the service's model, its endpoint rules, all regions), which takes
50 to 150 ms, nearly all of what `boto3.client` takes. Each `Loader` of botocore has a cache of what it has loaded. The
first loader of an environment begins with the cache of the zygote's own loader; it is an ordinary loader, and what it
hands out are the values that it would have parsed. Only the first: two loaders never share a value, so a function that
changes one of them changes no other, as without this. A loader with search paths of its own gets nothing.

Which models are parsed is learned: an environment tells its zygote which entries its loaders have beside those that it
was given (`report`), and the zygote lets its own loader load the same (`learn`). A function can send whatever it likes.
So `learn` takes only what names a data file of botocore or boto3 by plain words, and only until `MOST_BYTES`.

This file is loaded by a zygote, by any Python from 3.8 on, without Nightbus importable: standard library only.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from collections.abc import Callable
from typing import Any

MOST_BYTES = 16 << 20  # of JSON: some two or three times as much in memory
PACKED = 10  # how much smaller a file is that is compressed
REPORTS = (
    2  # who makes clients in the handler has made them when the runtime asks for work for the second time
)
MOST_REPORTED = 4096  # bytes: a pipe takes them whole or not at all
METHODS = (
    "list_available_services",
    "determine_latest_version",
    "list_api_versions",
    "load_service_model",
    "load_data_with_path",
)
NAMED = ("service_name", "type_name", "api_version")
WORDS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){0,2}")


class SdkModels:
    """One for a zygote, and after the fork for its environment."""

    def __init__(self) -> None:
        self._loader: Any = None
        self._loaders: list[Any] = []  # of this environment
        self._first: list[bool] = []  # holds one entry until the first loader is made
        self._bytes = 0
        self._seen: set[tuple[Any, ...]] = set()

    def install(self) -> None:
        """Give the first loader of each environment what is parsed. Raises what an import of botocore raises."""
        import botocore.loaders
        import botocore.session

        create: Any = botocore.loaders.create_loader
        self._loader = create()
        self._loader.search_paths.extend(boto3_data())
        self._first.append(True)

        @functools.wraps(create)
        def create_loader(search_path_string: str | None = None) -> Any:
            loader = create(search_path_string)
            if search_path_string is None and not os.path.isdir(loader.CUSTOMER_DATA_PATH):
                self._made(loader)
            return loader

        modules: list[Any] = [botocore.loaders, botocore.session]
        for module in modules:
            module.create_loader = create_loader

    def _made(self, loader: Any) -> None:
        try:
            self._first.pop()
        except IndexError:
            return
        loader._cache.update(self._loader._cache)
        self._loaders.append(loader)

    def reporter(self, descriptor: int) -> Callable[[], Any]:
        """What is called before the runtime asks for work; it returns what is called then, None after `REPORTS`."""
        left = [REPORTS]

        def report() -> Any:
            left[0] -= 1
            with contextlib.suppress(Exception):  # the pipe is full, or the function has closed it
                self.report(descriptor)
            if left[0]:
                return report
            with contextlib.suppress(OSError):
                os.close(descriptor)
            return None

        return report

    def report(self, descriptor: int) -> None:
        """Write the names of what was loaded beside what was given: a line of JSON, or nothing."""
        known = self._loader._cache if self._loader is not None else {}
        new = [key for loader in self._loaders for key in list(loader._cache) if key not in known]
        line = json.dumps(new).encode() + b"\n"
        if new and len(line) <= MOST_REPORTED:
            os.write(descriptor, line)

    def learn(self, line: bytes) -> bool:
        """Load the same. Returns whether anything is new. Raises nothing, whatever the line is."""
        if self._loader is None:
            return False
        before = len(self._loader._cache)
        with contextlib.suppress(Exception):
            for key in json.loads(line):
                self._load(tuple(key))
        return len(self._loader._cache) > before

    def _load(self, key: tuple[Any, ...]) -> None:
        method, *words = key
        if method not in METHODS or key in self._seen or len(self._seen) > 1000:
            return
        if not all(word is None or WORDS.fullmatch(word) for word in words):
            return
        self._seen.add(key)
        named: dict[str, str | None] = {}
        while len(words) > 1 and words[-2] in NAMED:
            *words, name, value = words
            named[name] = value
        if method == "load_data_with_path" and self._too_large(words[0]):
            return
        if method == "load_service_model" and self._too_large(self._path(words, named)):
            return
        with contextlib.suppress(Exception):  # it is not there: environments find out themselves
            getattr(self._loader, method)(*words, **named)

    def _path(self, words: list[Any], named: dict[str, str | None]) -> str:
        service, kind, version = [*words, None, None, None][:3]
        kind, version = named.get("type_name", kind), named.get("api_version", version)
        return "/".join((service, version or self._loader.determine_latest_version(service, kind), kind))

    def _too_large(self, name: str) -> bool:
        if ("load_data_with_path", name) in self._loader._cache:
            return False
        size = sum(
            os.path.getsize(path) * factor
            for folder in self._loader.search_paths
            for path, factor in (
                (os.path.join(folder, name + ".json"), 1),
                (os.path.join(folder, name + ".json.gz"), PACKED),
            )
            if os.path.isfile(path)
        )
        if self._bytes + size > MOST_BYTES:
            return True
        self._bytes += size
        return False


def pipe() -> tuple[int, int]:
    """By which environments report, and a zygote learns; neither waits for the other."""
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


def boto3_data() -> list[str]:
    """Where boto3 lets every loader look, beside botocore's own data."""
    try:
        import boto3
    except ImportError:
        return []
    return [os.path.join(os.path.dirname(boto3.__file__), "data")]
