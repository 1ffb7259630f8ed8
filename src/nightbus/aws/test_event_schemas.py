"""Names the schemas of EventBridge Schemas in which test events are kept, as examples.

A function's is that of Lambda's console and of `sam remote test-event`; a rule's lies beside it.
"""

from __future__ import annotations

import re

REGISTRY = "lambda-testevent-schemas"
TYPE = "OpenApi3"
MOST_VERSIONS = 5  # of a schema, as the SAM CLI keeps
LARGEST_EVENT = 6_144_000  # bytes, as the SAM CLI takes them
SYNCHRONOUS = {"invocationType": "RequestResponse"}  # `x-metadata` of a function's event
_NOT_IN_A_SCHEMAS_NAME = re.compile(r"[^0-9A-Za-z_.-]")


def schema_of_function(name: str) -> str:
    return f"_{name}-schema"


def schema_of_rule(bus: str, name: str) -> str:
    """No function's name has an @."""
    return f"_rule@{_NOT_IN_A_SCHEMAS_NAME.sub('.', bus)}@{name}-schema"
