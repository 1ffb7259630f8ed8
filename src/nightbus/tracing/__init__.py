"""Tells what became of an event: why a rule matched it or not, and which events, messages and invocations followed."""
