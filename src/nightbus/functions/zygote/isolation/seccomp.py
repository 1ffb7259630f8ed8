"""Refuses system calls that a function has no use for, and by which programs break out of sandboxes.

The filter is compiled once for a zygote, in the kernel's own form (classic BPF): 2 instructions for each system call
that is refused. Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
"""

import ctypes
import errno
import os
import struct

from . import linux

_MODE_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# by name: the numbers for x86_64 and aarch64
_REFUSED = {
    "ptrace": (101, 117), "syslog": (103, 116), "pivot_root": (155, 41), "chroot": (161, 51), "acct": (163, 89),
    "mount": (165, 40), "umount2": (166, 39), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142),
    "sethostname": (170, 161), "setdomainname": (171, 162), "init_module": (175, 105),
    "delete_module": (176, 106), "quotactl": (179, 60), "kexec_load": (246, 104), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "perf_event_open": (298, 241), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "setns": (308, 268), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "finit_module": (313, 273), "kexec_file_load": (320, 294), "bpf": (321, 280), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "pidfd_getfd": (438, 438), "mount_setattr": (442, 442), "quotactl_fd": (443, 443),
}  # fmt: skip
_ABSENT = {  # programs know how to do without
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "clone3": (435, 435),  # its flags lie in memory, where no filter can see them
}  # fmt: skip
_BY_FLAGS = {"clone": (56, 220), "unshare": (272, 97)}  # refused where they would make a namespace


def compiled(machine=""):
    """The filter for this machine as `load` takes it; b"" where its system calls are not known."""
    machine = machine or os.uname().machine
    if machine not in _ARCHITECTURES:
        return b""
    at = list(_ARCHITECTURES).index(machine)
    refuse, absent = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, absent),
    ]
    program += [(_LOAD, 0, 0, _NUMBER_AT)]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, absent)]
    for answer, calls in ((refuse, _REFUSED), (absent, _ABSENT)):
        for numbers in calls.values():
            program += [(_EQUAL, 0, 1, numbers[at]), (_RETURN, 0, 0, answer)]
    for numbers in _BY_FLAGS.values():
        program += [(_EQUAL, 0, 4, numbers[at]), (_LOAD, 0, 0, _FIRST_ARGUMENT_AT)]
        program += [(_ANY_BIT, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, refuse), (_RETURN, 0, 0, _ALLOW)]
    program += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def load(program):
    """Apply it to this process and all that it forks; the process must have no_new_privs. Raises OSError."""
    instructions = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HP", len(program) // 8, ctypes.addressof(instructions))
    holder = ctypes.create_string_buffer(described, len(described))
    linux.prctl(linux.PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(holder))
