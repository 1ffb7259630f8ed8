"""Writes the schemas of the resource types that Nightbus has, as AWS publishes them, into the package.

cfn-lint ships all of them (MIT-0) and comes with the SAM CLI; what only explains is left out. Run it after a new
resource type, or to follow AWS: `python scripts/update_schemas.py`.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from nightbus.stacks.resources import RESOURCE_TYPES

TARGET = Path(__file__).parent.parent / "src/nightbus/stacks/schemas/resource_schemas.json"
REGION = "us-east-1"
# What AWS's own validation of properties looks at; cfn-lint's further rules are not CloudFormation's.
KEYWORDS = frozenset(
    {
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "definitions",
        "enum",
        "insertionOrder",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "required",
        "type",
        "uniqueItems",
    }
)


# What a type says of itself as a whole: DescribeType, Cloud Control, drift and imports ask for it.
OF_THE_TYPE = (
    "additionalIdentifiers",
    "createOnlyProperties",
    "conditionalCreateOnlyProperties",
    "handlers",
    "primaryIdentifier",
    "readOnlyProperties",
    "tagging",
    "typeName",
    "writeOnlyProperties",
)


def main() -> None:
    data = files("cfnlint") / "data" / "schemas"
    names: dict[str, str] = json.loads((data / "providers" / f"{REGION}.json").read_text())
    found = {}
    for type_name in sorted(RESOURCE_TYPES):
        schema = json.loads((data / "resources" / f"{names[type_name]}.json").read_text())
        found[type_name] = essential(schema) | {name: schema[name] for name in OF_THE_TYPE if name in schema}
    lines = [f"{json.dumps(name)}: {json.dumps(schema, sort_keys=True)}" for name, schema in found.items()]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def essential(schema: Any) -> Any:
    """Without descriptions, handlers and the like."""
    if isinstance(schema, list):
        return [essential(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for keyword, value in schema.items():
        if keyword in ("properties", "patternProperties", "definitions"):
            kept[keyword] = {name: essential(one) for name, one in value.items()}
        elif keyword == "pattern":
            kept[keyword] = value.replace("\\Z", "$")  # AWS writes it so, and shows it in its messages
        elif keyword in KEYWORDS:
            kept[keyword] = essential(value)
    return kept


if __name__ == "__main__":
    main()
