"""Carries out the operation that a stack is in: phases, and what each does to one resource."""
