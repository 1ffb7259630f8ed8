import json


def handler(event, context):
    print("GOT " + json.dumps(event))
    if event.get("detail", {}).get("fail"):
        raise ValueError("asked to fail")
    return {}
