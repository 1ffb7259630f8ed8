"""Prints what reaches the function."""

import json


def handler(event: object, context: object) -> None:
    print("received", json.dumps(event))
