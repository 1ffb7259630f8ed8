"""Keeps environments: which one gets an invocation, which are ready ahead, how many run at once."""
