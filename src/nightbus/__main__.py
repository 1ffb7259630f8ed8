"""Runs the command line for `python -m nightbus`."""

from nightbus.cli.main import main

main()
