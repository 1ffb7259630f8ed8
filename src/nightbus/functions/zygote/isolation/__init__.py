"""Keeps functions apart from the machine and from one another: namespaces, a root folder, system calls, limits.

Everything here also runs inside zygotes, by any Python from 3.8 on and without Nightbus importable: standard library
only, and imports among these modules are relative. `docs/security.md` says what it holds back.
"""
