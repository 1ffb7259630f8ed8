def handler(event, context):
    print("invoice for", event["detail"]["item"])
