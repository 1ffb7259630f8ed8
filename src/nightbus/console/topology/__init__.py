"""Draws what is deployed as a graph: buses, rules, functions, queues, topics and others, and what goes between them."""
