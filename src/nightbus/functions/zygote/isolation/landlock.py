"""Closes the machine's files to a function where there are no namespaces: it opens only what it needs.

It also keeps the function from signalling what it did not fork, from version 6 on. Version: the kernel's landlock ABI.
Source: https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import struct

from . import linux

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE = 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_SCOPED = 3  # abstract Unix sockets, signals
_BITS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many kinds of access to files a version knows; 5 and newer: 16
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/sys", "/nix", "/gnu")


def version():
    """0 where the kernel has none."""
    found = linux.libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return max(found, 0)


def restrict(request, abi):
    """Apply it to this process and all that it forks. Raises OSError."""
    every = (1 << _BITS.get(abi, 16)) - 1
    attributes = struct.pack("QQQ", every, 0, _SCOPED if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = linux.check(linux.libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
    readable = [*_SYSTEM, *request["visible"], request["code"], request["runtime"], request.get("layers")]
    for path in readable:
        _allow(ruleset, path, _READ)
    for path in (request["tmp"], request.get("pycache")):
        _allow(ruleset, path, every)
    _allow(ruleset, "/dev", every & (_READ | _WRITE_FILE | _TRUNCATE | 1 << 15))
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.check(linux.libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset, path, access):
    if not path or not os.path.exists(path):
        return
    descriptor = os.open(path, os.O_PATH)
    if not os.path.isdir(path):
        access &= _OF_FILES
    rule = struct.pack("=Qi", access, descriptor)
    linux.check(linux.libc.syscall(_ADD_RULE, ruleset, 1, rule, 0))
    os.close(descriptor)
