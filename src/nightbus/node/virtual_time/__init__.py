"""Lets a test control the time of a node, wait until the node rests, and make targets fail.

No setting of `nightbus start` leads here: only `nightbus.testing` starts such a node.
"""
