"""Hides the machine from a function, which sees its code at /var/task, its layers at /opt, and a /tmp of its own.

Runs inside the zygote's children, by any Python from 3.8 on: standard library only. It hides the node's data, and gives
up the privileges with which code could uncover them: to unmount what hides them, or to go through /proc/PID/root of the
node, which sees them. It is no wall against other ways: signals and the network are those of the machine.
"""

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
CAPABILITY_VERSION = 0x20080522
LOCKED_FLAGS = ((2, 2), (4, 4), (8, 8), (1024, 1024), (2048, 2048), (4096, 1 << 21))  # of statvfs, of mount

libc = ctypes.CDLL(None, use_errno=True)


def enter(request):
    """A mount namespace with a /tmp of the function's own and its code at /var/task; else the real paths, said so."""
    real = {
        "LAMBDA_TASK_ROOT": request["code"],
        "LAMBDA_RUNTIME_DIR": request["runtime"],
        "TMPDIR": request["tmp"],
    }
    if request["layers"]:
        real["NIGHTBUS_LAYERS"] = request["layers"]
    if not request["sandbox"]:
        return {"paths": real, "notes": []}
    try:
        paths = mounted(request)
        give_up_privileges()
        return {"paths": paths, "notes": []}
    except OSError as failure:
        note = "Nightbus: no sandbox here (%s); /tmp is the machine's own, use $TMPDIR." % failure.strerror
        return {"paths": real, "notes": [note]}


def why_not():
    """Tried out once by a child, since half a sandbox could not be left again; empty when it works."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            unshare()
            mount(None, "/", None, MS_REC | MS_PRIVATE)
            mount("tmpfs", "/var", "tmpfs", 0, "mode=755,size=1m")
            give_up_privileges()
        except Exception as failure:
            os.write(write, str(failure).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        reason = answer.read().decode()
    os.waitpid(pid, 0)
    return reason


def mounted(request):
    unshare()
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    seen = [request[name] for name in ("code", "runtime", "layers", "pycache", "tmp") if request.get(name)]
    source = held(seen + request["visible"])
    mount("tmpfs", "/var", "tmpfs", 0, "mode=755,size=1m")
    for name in ("task", "runtime", "tmp"):
        os.mkdir("/var/" + name)
    read_only(source[request["code"]], "/var/task")
    read_only(source[request["runtime"]], "/var/runtime")
    paths = {"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime"}
    if request["layers"]:
        read_only(source[request["layers"]], "/opt")
        paths["NIGHTBUS_LAYERS"] = "/opt"
    if request.get("pycache"):
        os.mkdir("/var/pycache")
        mount(source[request["pycache"]], "/var/pycache", None, MS_BIND)
        request["pycache"] = "/var/pycache"
    mount(source[request["tmp"]], "/tmp", None, MS_BIND)
    for path in request["visible"]:
        show_again(source[path], path)
    for hidden in request["hidden"]:
        if os.path.isdir(hidden):
            mount("tmpfs", hidden, "tmpfs", MS_RDONLY, "mode=000,size=4k")
    for path in source.values():
        os.close(int(os.path.basename(path)))
    return paths


def held(paths):
    """A way to each of the paths that stays open when something is mounted over it, as over /tmp and /var."""
    return {path: "/proc/self/fd/%d" % os.open(path, os.O_PATH) for path in paths}


def show_again(source, path):
    """Show a file or folder, read-only, at the path where it was before something was mounted over it."""
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a"):
            pass
    read_only(source, path)


def unshare():
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER
    check(libc.unshare(flags))
    if uid != 0:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", "%d %d 1" % (uid, uid)),
            ("gid_map", "%d %d 1" % (gid, gid)),
        ):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)


def give_up_privileges():
    """No capability is left, in the namespace of the user either, and no program that is run brings one back.

    The kernel then lets nobody without its capabilities look into the node's process (/proc/PID/root, mem, environ).
    Functions that run as root share a namespace of users with one another: their processes are closed by hand.
    """
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if os.getuid() == 0:
        check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()))


def read_only(source, target):
    mount(source, target, None, MS_BIND | MS_REC)
    # What the machine forbids on that mount cannot be left out in a user namespace.
    present = os.statvfs(target).f_flag
    kept = sum(flag for bit, flag in LOCKED_FLAGS if present & bit)
    mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | kept)


def mount(source, target, kind, flags, data=None):
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    check(
        libc.mount(
            encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), os.fsencode(data) if data else None
        )
    )


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
