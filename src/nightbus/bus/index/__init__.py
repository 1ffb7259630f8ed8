"""Finds the rules that an event matches, among many: `rule_index` is what others use, the rest are its parts."""
