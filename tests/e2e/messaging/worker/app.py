"""Says what it got, and fails when that says so."""

import json
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    print("GOT " + json.dumps(event))
    if event.get("detail", {}).get("fail"):
        raise ValueError("asked to fail")
    return {}
