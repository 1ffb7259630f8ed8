"""Brings messages from queues to functions, as event source mappings say."""
