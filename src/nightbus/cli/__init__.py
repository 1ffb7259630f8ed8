"""Implements the command line: a table of commands, its parser, and a module per command, imported at its call."""
