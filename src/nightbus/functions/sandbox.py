"""Hides the machine from a function, which sees its code at /var/task, its layers at /opt, and a /tmp of its own.

Runs inside the zygote's children, by any Python from 3.8 on: standard library only. It hides the node's data; it is no
wall against code that is out to break through one.

Whoever makes a namespace may undo what it mounted there, and root may enter the namespaces of others. So a function
gets a user namespace of its own and keeps no capability in it: what is mounted over the node's data stays there, and
neither the memory nor the root folder of the node and of other functions is reached through /proc.
"""

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
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
        return {"paths": mounted(request, request["sandbox"]), "notes": []}
    except OSError as failure:
        note = "Nightbus: no sandbox here (%s); /tmp is the machine's own, use $TMPDIR." % failure.strerror
        return {"paths": real, "notes": [note]}


def ways(needed):
    """How a sandbox can be had here: the way for `enter`, or None, and why the better ones cannot.

    Tried out by children, since half a sandbox could not be left again. `needed` are paths that a function must be able
    to read then: those of another user are closed to root in a namespace where that user does not exist.
    """
    reason = ""
    for way in ("user", "root") if os.getuid() == 0 else ("user",):
        reason = why_not(way, needed)
        if not reason:
            return way, ""
    return None, reason


def why_not(way, needed):
    """Empty when it works."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            unshare(way)
            mount(None, "/", None, MS_REC | MS_PRIVATE)
            mount("tmpfs", "/var", "tmpfs", 0, "mode=755,size=1m")
            drop_capabilities(way)
            closed = [path for path in needed if not os.access(path, os.R_OK)]
            os.write(write, ("%s cannot be read" % closed[0]).encode() if closed else b"")
        except Exception as failure:
            os.write(write, str(failure).encode() or b"unknown")
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        reason = answer.read().decode()
    os.waitpid(pid, 0)
    return reason


def mounted(request, way):
    unshare(way)
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
    drop_capabilities(way)
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


def unshare(way):
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWNS if way == "root" else CLONE_NEWNS | CLONE_NEWUSER))
    if way != "root":
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", "%d %d 1" % (uid, uid)),
            ("gid_map", "%d %d 1" % (gid, gid)),
        ):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)


def drop_capabilities(way):
    """None is left, and none comes back with a program that is executed. Root without a user namespace keeps the one
    that opens the files of others, which it may need for its Python."""
    kept = 1 << CAP_DAC_OVERRIDE if way == "root" else 0
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if (
        way == "root"
    ):  # functions share the namespace of users then: each closes its own process to the others
        check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for number in range(64):
        if not kept >> number & 1:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)))


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
