"""Prints an invoice for each order."""


def handler(event, context):
    print("invoice for", event["detail"]["item"])
