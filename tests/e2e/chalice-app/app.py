"""A function for each kind of event that Chalice knows and the platform has."""

from chalice import Chalice

app = Chalice(app_name="shop")


@app.on_s3_event(bucket="chalice-files", events=["s3:ObjectCreated:*"], prefix="in/")
def on_object(event):
    print("object", event.key)


@app.on_sqs_message(queue="chalice-orders", batch_size=1)
def on_message(event):
    print("message", [record.body for record in event])


@app.on_cw_event({"source": ["shop"]})
def on_event(event):
    print("event", event.detail)


@app.on_sns_message(topic="chalice-news")
def on_news(event):
    print("news", event.message)
