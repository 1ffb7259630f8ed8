"""Subscribes endpoints to topics, confirms them, and keeps the settings of subscriptions."""
