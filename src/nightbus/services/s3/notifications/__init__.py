"""Sends notifications of what happens to objects: to queues, topics, functions and the default event bus."""
