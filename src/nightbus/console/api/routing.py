"""Finds the handler of a request by tables, and calls it with what its parameters say.

A module of the API has `ROUTES`: `"GET /events/{id}"` and the like, and the handler. What a handler gets and answers is
said by its annotations, from which the description of the API (`openapi.py`) is made as well:

    async def read_event(request: ApiRequest, id: str, query: EventQuery) -> Event: ...

`request` comes first. `query` is a `Query` made of the request's query, `body` a `Body` made of its JSON; every other
parameter is a part of the path. The answer is a Struct, or `WithHeaders` around one, or an `EventStream`. A handler
raises AwsError to refuse. The first line of its docstring is its summary, the rest its description.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import unquote

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.console.api.values import Body, Query, WithHeaders

Handler = Callable[..., Awaitable[Any]]
Routes = Mapping[str, Handler]
_MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Route:
    """`parts` are the path's, with braces around those that are parameters."""

    method: str
    path: str
    parts: tuple[str, ...]
    handler: Handler
    query: type[Query] | None
    body: type[Body] | None
    answer: Any


class Router:
    """Routes over the tables of several modules. Raises TypeError for a handler whose parameters do not fit."""

    def __init__(self, tables: Iterable[Routes]) -> None:
        self.routes = [_route(line, handler) for table in tables for line, handler in table.items()]
        self._by_size: dict[int, list[Route]] = {}
        for route in self.routes:  # a word in a path goes before a parameter in its place
            self._by_size.setdefault(len(route.parts), []).append(route)
        for routes in self._by_size.values():
            routes.sort(key=lambda route: [part.startswith("{") for part in route.parts])

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
        """The route, and the parts of the path by name. `raw_path` is what follows `/_nightbus/api`, as it was sent.

        Raises AwsError: 404 where there is no such path, 405 where it has no such method.
        """
        parts = raw_path.strip("/").split("/")
        methods = set()
        for route in self._by_size.get(len(parts), ()):
            named = _parameters(route.parts, parts)
            if named is None:
                continue
            if route.method == ("GET" if method == "HEAD" else method):
                return route, named
            methods.add(route.method)
        if methods:
            raise AwsError("MethodNotAllowed", f"{raw_path} answers {' and '.join(sorted(methods))}.", 405)
        raise AwsError("NotFound", f"There is no path {raw_path[:_MOST_CHARACTERS]!r} in the API.", 404)


def converted(value: Any, kind: Any, *, strict: bool = True) -> Any:
    """The value as that Struct; without `strict`, of texts. Raises AwsError that says what is wrong with it."""
    try:
        return msgspec.convert(value, kind, strict=strict)
    except (msgspec.ValidationError, UnicodeError) as wrong:
        raise AwsError("ValidationException", f"{wrong}") from None


def _parameters(pattern: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    named = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            if not part:
                return None
            named[wanted[1:-1]] = unquote(part)
        elif wanted != part:
            return None
    return named


def _route(line: str, handler: Handler) -> Route:
    method, _, path = line.partition(" ")
    parts = tuple(path.strip("/").split("/"))
    in_path = {part[1:-1] for part in parts if part.startswith("{")}
    hints = get_type_hints(handler)
    _, *names = inspect.signature(handler).parameters
    if set(names) - {"query", "body"} != in_path:
        raise TypeError(f"{line}: the handler has the parameters {', '.join(names)}")
    answer = hints["return"]
    if get_origin(answer) is WithHeaders:
        (answer,) = get_args(answer)
    return Route(method, path, parts, handler, hints.get("query"), hints.get("body"), answer)
