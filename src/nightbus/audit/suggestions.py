"""Makes least-privilege statements of what a role was seen to ask for. Pure.

Actions with the same resources share a statement; a role is passed only to the service to which it was passed. Of
resources whose names vary (objects with numbers in their keys, more than `_MOST_RESOURCES` of a kind) the statement has
a pattern.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nightbus.audit.seen_needs import Seen, generalised

_MOST_RESOURCES = 5
_OBJECT = re.compile(r"arn:[\w-]+:s3:::([^/]+)/(.+)")
_DIGIT = re.compile(r"\d")


def statements(seen: Iterable[Seen], written: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Return the statements of a policy; `written` makes of an ARN what the template has in its place."""
    resources = defaultdict[tuple[str, str], list[str]](list)
    for one in seen:
        resources[one.action, one.passed_to].append(one.resource)
    by_resources = defaultdict[tuple[tuple[str, ...], str], list[str]](list)
    for (action, service), arns in resources.items():
        by_resources[tuple(_patterns(arns)), service].append(action)
    return [
        {
            "Effect": "Allow",
            "Action": _one_or_many(sorted(actions)),
            "Resource": _one_or_many([written(arn) if arn != "*" else "*" for arn in arns]),
            **({"Condition": {"StringEquals": {"iam:PassedToService": service}}} if service else {}),
        }
        for (arns, service), actions in sorted(
            by_resources.items(), key=lambda pair: (sorted(pair[1]), pair[0][1])
        )
    ]


def _patterns(arns: Sequence[str]) -> list[str]:
    if "*" in arns:
        return ["*"]
    objects = defaultdict[str, list[str]](list)
    others = set[str]()
    for arn in arns:
        match = _OBJECT.fullmatch(arn)
        if match is None:
            others.add(arn)
        else:
            objects[match[1]].append(arn)
    found = [pattern for of_bucket in objects.values() for pattern in _objects(of_bucket)]
    found += [generalised(sorted(others))] if len(others) > _MOST_RESOURCES else others
    patterns = [one for one in found if one.endswith("*")]
    return sorted(
        {
            one
            for one in found
            if not any(one != other and one.startswith(other.removesuffix("*")) for other in patterns)
        }
    )


def _objects(arns: Sequence[str]) -> list[str]:
    """Return the keys of a bucket's objects, by their top folders: a pattern for each where names vary."""
    folders = defaultdict[str, set[str]](set)
    for arn in arns:
        bucket, _, key = arn.partition("/")
        folders[f"{bucket}/{key.split('/', 1)[0]}" if "/" in key else bucket].add(arn)
    if len(folders) > _MOST_RESOURCES:
        return [f"{arns[0].partition('/')[0]}/*"]
    return [pattern for keys in folders.values() for pattern in _objects_of_folder(sorted(keys))]


def _objects_of_folder(keys: Sequence[str]) -> list[str]:
    if len(keys) <= 2 and not any(_DIGIT.search(key.split("/", 1)[1]) or key[-1] == "*" for key in keys):
        return list(keys)
    folder = keys[0].rsplit("/", 1)[0]
    while not all(key.startswith(f"{folder}/") for key in keys) and "/" in folder:
        folder = folder.rsplit("/", 1)[0]
    while _DIGIT.search(folder.split("/", 1)[1] if "/" in folder else ""):
        folder = folder.rsplit("/", 1)[0]
    return [f"{folder}/*"]


def _one_or_many(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else list(values)
