"""Says who may invoke a function, and what the function itself may do: policies and roles."""
