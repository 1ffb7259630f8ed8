"""Finds the operation of a REST service by method, path, query and headers.

Each URI template of the model becomes a regular expression once: to match an Invoke segment by segment took a twelfth
of the calls of Python that it makes. Of several matching operations the one that requires most of what the request has
is chosen (`UploadPart` rather than `PutObject` if there is a `partNumber`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.request import WireRequest


@dataclass(frozen=True, slots=True)
class _Template:
    operation: OperationModel
    segments: tuple[str, ...]
    pattern: re.Pattern[str]
    labelled: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    needs_query: tuple[str, ...]
    needs_headers: tuple[str, ...]
    literals: int

    @classmethod
    def of(cls, operation: OperationModel) -> _Template:
        path, _, query = operation.uri.partition("?")
        segments = tuple(path.strip("/").split("/")) if path.strip("/") else ()
        pairs = tuple(
            (name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)
        )
        needed: dict[str, list[str]] = {"querystring": [], "header": []}
        shape = operation.input
        for member in shape.required if shape else ():
            target = shape.members[member] if shape else None
            if target is not None and target.location in needed:
                needed[target.location].append(target.wire_name(member))
        pattern, labelled = _pattern(segments)
        return cls(
            operation,
            segments,
            pattern,
            labelled,
            pairs,
            tuple(needed["querystring"]),
            tuple(name.lower() for name in needed["header"]),
            sum(not segment.startswith("{") for segment in segments),
        )

    def may_match(self, word: str, count: int) -> bool:
        """Whether it can match a path of `count` segments that begins with `word`."""
        if self.segments and not self.segments[0].startswith("{") and self.segments[0] != word:
            return False
        return len(self.segments) == count or any(segment.endswith("+}") for segment in self.segments)

    def labels(self, path: str) -> dict[str, str] | None:
        """Return the values of the template's labels, or None if the path, without its first slash, does not match."""
        found = self.pattern.fullmatch(path)
        return None if found is None else dict(zip(self.labelled, map(unquote, found.groups()), strict=True))

    def score(self, request: WireRequest) -> tuple[int, ...] | None:
        """Return how much of the request the operation requires; None if the request lacks a part of it."""
        for name, value in self.query:
            if name not in request.query or (value and request.query[name] != value):
                return None
        if any(name not in request.query for name in self.needs_query):
            return None
        if any(name not in request.headers for name in self.needs_headers):
            return None
        needs = len(self.needs_query) + len(self.needs_headers)
        return self.literals, len(self.query), needs, not self.operation.deprecated


def _pattern(segments: tuple[str, ...]) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Return what matches the path of a template, and the names of its groups. A slash may follow the last segment; a
    label such as `{Key+}` takes all that is left."""
    parts: list[str] = []
    names: list[str] = []
    for segment in segments:
        if segment.startswith("{") and segment.endswith("+}"):
            names.append(segment[1:-2])
            return re.compile("/".join([*parts, "(.+)"]), re.DOTALL), tuple(names)
        if segment.startswith("{") and segment.endswith("}"):
            names.append(segment[1:-1])
            parts.append("([^/]+)")
        else:
            parts.append(re.escape(segment))
    return re.compile("/".join(parts) + "/?"), tuple(names)


class PathRouter:
    """The REST operations of one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._by_method: dict[str, list[_Template]] = {}
        for operation in service.operations.values():
            self._by_method.setdefault(operation.method, []).append(_Template.of(operation))
        templates = [template for each in self._by_method.values() for template in each]
        self._words = {template.segments[0] for template in templates if template.segments}
        self._longest = max((len(template.segments) for template in templates), default=0)
        self._candidates: dict[tuple[str, str, int], list[_Template]] = {}

    def find(self, request: WireRequest) -> tuple[OperationModel, dict[str, str]] | None:
        """Return the operation and the values of its labels, None if there is none."""
        path = request.path.split("?", 1)[0].lstrip("/")
        best: tuple[tuple[int, ...], OperationModel, dict[str, str]] | None = None
        for template in self._candidates_for(request.method, path.split("/")):
            labels = template.labels(path)
            score = template.score(request) if labels is not None else None
            if labels is not None and score is not None and (best is None or score > best[0]):
                best = score, template.operation, labels
        return (best[1], best[2]) if best else None

    def _candidates_for(self, method: str, parts: list[str]) -> list[_Template]:
        """The templates that fit the first segment and the number of segments: for an Invoke four of Lambda's 20
        POSTs."""
        if method not in self._by_method:
            return []
        word = parts[0] if parts[0] in self._words else ""
        key = method, word, min(len(parts) - (not parts[-1]), self._longest + 1)
        candidates = self._candidates.get(key)
        if candidates is None:
            templates = self._by_method[method]
            candidates = self._candidates[key] = [one for one in templates if one.may_match(*key[1:])]
        return candidates
