"""Queues and topics: what they keep, and what sending to them changes in the store. Below delivery and services."""
