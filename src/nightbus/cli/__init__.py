"""The command line: a table of commands, the parser made from it, and one module per command, imported when called."""
