"""The pure core of the bus: patterns, input transformers, the retry schedule and the envelope. No I/O, no clock."""
