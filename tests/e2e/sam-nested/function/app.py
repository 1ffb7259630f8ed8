"""Prints and returns the event."""


def handler(event: object, context: object) -> object:
    print("received", event)
    return {"received": event}
