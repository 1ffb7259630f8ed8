"""Prints and returns the event."""


def handler(event, context):
    print("received", event)
    return {"received": event}
