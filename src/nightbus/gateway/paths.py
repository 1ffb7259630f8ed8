"""Finds the operation of a REST service by method, path, query and headers.

The URI templates of the model are split once, and a request is matched segment by segment. Of several matching
operations the one that requires most of what the request has is chosen (`UploadPart` rather than `PutObject` if there
is a `partNumber`).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from nightbus.gateway.models import OperationModel, ServiceModel
from nightbus.gateway.request import WireRequest


@dataclass(frozen=True, slots=True)
class _Template:
    operation: OperationModel
    segments: tuple[str, ...]
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
        return cls(
            operation,
            segments,
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

    def labels(self, parts: list[str]) -> dict[str, str] | None:
        """Return the values of the template's labels, or None if the path does not match."""
        values: dict[str, str] = {}
        for at, segment in enumerate(self.segments):
            if at >= len(parts):
                return None
            if segment.startswith("{") and segment.endswith("+}"):
                rest = "/".join(parts[at:])
                if not rest:
                    return None
                values[segment[1:-2]] = unquote(rest)
                return values
            if segment.startswith("{") and segment.endswith("}"):
                if not parts[at]:
                    return None
                values[segment[1:-1]] = unquote(parts[at])
            elif segment != parts[at]:
                return None
        behind = parts[len(self.segments) :]
        return values if behind in ([], [""]) else None

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
        parts = request.path.split("?", 1)[0].lstrip("/").split("/")
        best: tuple[tuple[int, ...], OperationModel, dict[str, str]] | None = None
        for template in self._candidates_for(request.method, parts):
            labels = template.labels(parts)
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
