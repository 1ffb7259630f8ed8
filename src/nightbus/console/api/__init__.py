"""The console's JSON API: one module for each group of paths, and what routes, checks and describes them.

A new group is a module with `ROUTES` (`routing.py` says how a handler looks) and its line in `TABLES` of `modules.py`.
"""
