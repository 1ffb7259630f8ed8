"""The node's own HTTP paths under `/_nightbus/`: one module for each group of paths, and a router over them."""
