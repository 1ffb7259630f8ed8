"""Orders resources by their references and DependsOn; a circle is refused by name. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.references import references

Graph = Mapping[str, frozenset[str]]


def dependencies(
    resources: Mapping[str, Mapping[str, Any]],
    wanted: Collection[str] | None = None,
    conditions: Mapping[str, bool] | None = None,
) -> dict[str, frozenset[str]]:
    """For each resource those that come before it. A resource left out by its condition binds nobody."""
    chosen = set(resources if wanted is None else wanted)
    return {
        name: frozenset(_needs(resources[name], conditions) & chosen - {name})
        | _self_reference(name, resources[name], conditions)
        for name in resources
        if name in chosen
    }


def _needs(resource: Mapping[str, Any], conditions: Mapping[str, bool] | None) -> set[str]:
    listed = resource.get("DependsOn", [])
    named = {listed} if isinstance(listed, str) else set(listed)
    return named | {reference.name for reference in references(resource.get("Properties", {}), conditions)}


def _self_reference(
    name: str, resource: Mapping[str, Any], conditions: Mapping[str, bool] | None
) -> frozenset[str]:
    return frozenset({name}) if name in _needs(resource, conditions) else frozenset()


def order(graph: Graph) -> list[str]:
    """A topological order, in the template's order where it is free. Raises AwsError on a cycle."""
    done: list[str] = []
    placed: set[str] = set()
    waiting = list(graph)
    while waiting:
        ready = [name for name in waiting if graph[name] <= placed]
        if not ready:
            names = ", ".join(in_cycle(graph, waiting))
            raise AwsError("ValidationError", f"Circular dependency between resources: [{names}]")
        done += ready
        placed.update(ready)
        waiting = [name for name in waiting if name not in placed]
    return done


def in_cycle(graph: Graph, candidates: Collection[str]) -> list[str]:
    """Those of `candidates` that reach themselves, in the order given."""
    return [name for name in candidates if name in _reached(graph, name)]


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph.get(name, frozenset())
    return seen


def reverse(graph: Graph) -> dict[str, frozenset[str]]:
    """Who needs it instead of what it needs: the order of deletion."""
    users: dict[str, set[str]] = {name: set() for name in graph}
    for name, needs in graph.items():
        for need in needs:
            if need in users:
                users[need].add(name)
    return {name: frozenset(found) for name, found in users.items()}
