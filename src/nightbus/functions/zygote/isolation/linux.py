"""Calls Linux where Python's standard library has no function for it. Raises OSError."""

import array
import ctypes
import os
import socket
import sys

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC = 1, 2, 4, 8, 4096, 16384
MS_PRIVATE, MS_SLAVE = 1 << 18, 1 << 19
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 36, 38, 47, 4

_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_PIDFD_OPEN, _CLOSE_RANGE, _MOUNT_SETATTR = 434, 436, 442  # the same on every architecture
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
_MOST_DESCRIPTORS = 65536

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option, value, more=0):
    check(libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(more), 0, 0))


def unshare(flags):
    check(libc.unshare(ctypes.c_int(flags)))


def set_namespaces(descriptor, flags):
    check(libc.setns(descriptor, ctypes.c_int(flags)))


def pidfd_open(pid):
    return check(libc.syscall(_PIDFD_OPEN, pid, 0))


def mount(source, target, kind, flags, data=None):
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    check(libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]))


def bind(source, target):
    mount(source, target, None, MS_BIND | MS_REC)


def set_attributes(target, attributes):
    """Set them on the mount and on all below it."""
    values = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    path = os.fsencode(target)
    check(libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path, _AT_RECURSIVE, values, ctypes.c_size_t(32)))


def unmount(target):
    check(libc.umount2(os.fsencode(target), MNT_DETACH))


def pivot_root(new, old):
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError("no system call pivot_root known for %s" % os.uname().machine)
    check(libc.syscall(number, os.fsencode(new), os.fsencode(old)))


def set_host_name(name):
    data = name.encode()
    check(libc.sethostname(data, ctypes.c_size_t(len(data))))


def drop_bounding_set():
    """No program that is executed later gives a capability."""
    for number in range(_LAST_CAPABILITY + 1):
        if libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            break  # above the last one of this kernel


def drop_capabilities():
    """None is left, and none comes back."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()))


def send_descriptors(channel, data, descriptors):
    """`socket.send_fds`, which Python has from 3.9 on."""
    passed = array.array("i", descriptors)
    channel.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed.tobytes())])


def receive_descriptors(channel, size, most):
    """The data, and the descriptors that came with it. `most` of them are taken."""
    data, ancillary, _, _ = channel.recvmsg(size, socket.CMSG_SPACE(4 * most))
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) // 4 * 4])
    return data, list(descriptors)


def be_killed_first():
    """Where the machine has no memory left, the kernel ends functions rather than the node."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def close_all_but(kept):
    """Close every descriptor from 3 on that is not in `kept`."""
    first = 3
    for descriptor in sorted({one for one in kept if one >= first} | {_MOST_DESCRIPTORS}):
        if first < descriptor and not _close_range(first, descriptor - 1):
            os.closerange(first, descriptor)
        first = descriptor + 1


def _close_range(first, last):
    """False where the kernel cannot do that at once."""
    return sys.platform == "linux" and libc.syscall(_CLOSE_RANGE, first, last, 0) == 0
