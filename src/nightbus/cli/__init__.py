"""The command line: a table of commands, its parser, and a module per command, which is imported when it is called."""
