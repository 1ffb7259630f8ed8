"""Makes a function's log: what it prints, and what the platform says of its invocations."""
