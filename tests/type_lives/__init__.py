"""The table of all resource types' lives: `tests/service/test_type_lives.py` generates its tests from it.

One module for each service, with `LIVES`, a list with a row for each of its types. `NAME` in any text of a row is
replaced by a name that no other stack has.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Clients = Callable[..., Any]


@dataclass(frozen=True)
class Drift:
    """Something done behind the stack's back: `act(client, physical_id, name)`. `path` is that of the difference."""

    act: Callable[[Clients, str, str], Any]
    path: str
    kind: str = "NOT_EQUAL"


@dataclass(frozen=True)
class Life:
    """One type's row. A part that the type cannot have is None, and `why_not` says the reason."""

    type: str
    properties: Mapping[str, Any]
    update: (
        Mapping[str, Any] | None
    )  # properties to set (None removes one), so that the resource changes in place
    replacement: Mapping[str, Any] | None  # so that it is made anew
    failing: Mapping[str, Any] | None  # so that its creation fails
    drift: Drift | None
    around: Mapping[str, Any] = field(default_factory=dict)  # further resources of its template
    attributes: Mapping[str, Any] = field(
        default_factory=dict
    )  # further members of the resource, as DependsOn
    why_not: str = ""

    def template(self, name: str, changes: Mapping[str, Any] | None = None) -> str:
        properties = {
            key: one for key, one in {**self.properties, **(changes or {})}.items() if one is not None
        }
        resource = {"Type": self.type, "Properties": properties, **self.attributes}
        text = json.dumps({"Resources": {"It": resource, **self.around}})
        return text.replace("NAME", name)


def all_lives() -> dict[str, Life]:
    """Return the rows of all modules by type."""
    found: dict[str, Life] = {}
    for module in pkgutil.iter_modules(__path__):
        for life in importlib.import_module(f"{__name__}.{module.name}").LIVES:
            assert life.type not in found, f"{life.type} has two rows"
            found[life.type] = life
    return found
