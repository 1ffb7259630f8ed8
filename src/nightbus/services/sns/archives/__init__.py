"""Archives what is published to FIFO topics, and replays it to subscribed queues."""
