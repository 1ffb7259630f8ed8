"""Runs functions: at once, asynchronously with retries and destinations, and for rules in the commit of the event."""
