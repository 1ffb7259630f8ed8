"""Finds the rules that an event matches among many. `rule_index` is the interface; the other modules are its parts."""
