"""Orders resources by their references and DependsOn, and refuses circular ones. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.references import references

Graph = Mapping[str, frozenset[str]]


def dependencies(
    resources: Mapping[str, Mapping[str, Any]],
    included: Collection[str] | None = None,
    conditions: Mapping[str, bool] | None = None,
) -> dict[str, frozenset[str]]:
    """Return for each resource those that it needs. Resources outside `included` (None: all) are left out."""
    chosen = set(resources if included is None else included)
    return {
        name: frozenset(_needs(resources[name], conditions) & chosen - {name})
        | _self_reference(name, resources[name], conditions)
        for name in resources
        if name in chosen
    }


def _needs(resource: Mapping[str, Any], conditions: Mapping[str, bool] | None) -> set[str]:
    listed = resource.get("DependsOn", [])
    declared = {listed} if isinstance(listed, str) else set(listed)
    return declared | {reference.name for reference in references(resource.get("Properties", {}), conditions)}


def _self_reference(
    name: str, resource: Mapping[str, Any], conditions: Mapping[str, bool] | None
) -> frozenset[str]:
    return frozenset({name}) if name in _needs(resource, conditions) else frozenset()


def order(graph: Graph) -> list[str]:
    """Return a topological order, which follows the template's order where it can. Raises AwsError on a cycle."""
    ordered: list[str] = []
    preceding: set[str] = set()
    waiting = list(graph)
    while waiting:
        ready = [name for name in waiting if graph[name] <= preceding]
        if not ready:
            names = ", ".join(in_cycle(graph, waiting))
            raise AwsError("ValidationError", f"Circular dependency between resources: [{names}]")
        ordered += ready
        preceding.update(ready)
        waiting = [name for name in waiting if name not in preceding]
    return ordered


def in_cycle(graph: Graph, candidates: Collection[str]) -> list[str]:
    """Return the `candidates` that depend on themselves, in their order."""
    return [name for name in candidates if name in reached(graph, name)]


def reached(graph: Graph, start: str) -> set[str]:
    """Return what `start` needs, directly or by way of others."""
    found: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += graph.get(name, frozenset())
    return found


def reverse(graph: Graph) -> dict[str, frozenset[str]]:
    """Return for each resource those that need it, for the order of deletion."""
    users: dict[str, set[str]] = {name: set() for name in graph}
    for name, needs in graph.items():
        for need in needs:
            if need in users:
                users[need].add(name)
    return {name: frozenset(dependents) for name, dependents in users.items()}
