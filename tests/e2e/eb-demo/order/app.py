import json

import boto3

client = boto3.client("events")


def handler(event, context):
    source = event.get("source", "demo.orders") if isinstance(event, dict) else "demo.orders"
    entry = {
        "Source": source,
        "DetailType": "order",
        "Detail": json.dumps({"state": "created", "order": event}),
    }
    print("putting an order onto the bus")
    reply = client.put_events(Entries=[entry])
    print(json.dumps(reply))
    return {"eventId": reply["Entries"][0]["EventId"]}
