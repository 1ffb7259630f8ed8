"""The store that several nodes share: the four primitives in one PostgreSQL database."""
