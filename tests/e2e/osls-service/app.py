"""Prints and returns what it gets."""


def handler(event, context):
    print("invoice for", event)
    return {"invoice": event}
