"""Runs in zygotes and in the processes that they fork, by any Python from 3.8 on: standard library only."""
