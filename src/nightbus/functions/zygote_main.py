"""Runs inside a zygote: a Python process that has imported what functions use and forks an environment per request.

This file is run by path, by any Python from 3.8 on, without Nightbus importable: standard library only. It reads
requests (one JSON object each, with the descriptor of the output pipe beside it) from the socket that it is given,
answers each with the pid of the new process, and tells of every process that ended. When the socket closes, it and all
that it forked end.
"""

import ctypes
import gc
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
LOCKED_FLAGS = ((2, 2), (4, 4), (8, 8), (1024, 1024), (2048, 2048), (4096, 1 << 21))  # of statvfs, of mount
PRELOADED = (
    "logging",
    "urllib.request",
    "http.client",
    "datetime",
    "decimal",
    "uuid",
    "re",
    "base64",
    "hashlib",
    "ssl",
)
AWS_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "simplejson")

libc = ctypes.CDLL(None, use_errno=True)


def main():
    sys.path.append(sys.argv[1])
    site_builtins()
    preload()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    control = socket.socket(fileno=int(sys.argv[2]))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environments = set()
    buffer, descriptors = b"", []
    no_sandbox = why_no_sandbox()
    tell(control, {"no_sandbox": no_sandbox})
    while True:
        ready, _, _ = select.select([control, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            reap(control, environments)
        if control in ready:
            data, passed = receive(control)
            if not data:
                end(environments)
            buffer, descriptors = buffer + data, descriptors + passed
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                request = json.loads(line)
                request["sandbox"] = request["sandbox"] and not no_sandbox
                start(control, request, descriptors.pop(0), environments, wake_read, wake_write)


def receive(control):
    data, ancillary, _, _ = control.recvmsg(1 << 20, socket.CMSG_SPACE(4))
    descriptors = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors += [
                int.from_bytes(payload[at : at + 4], sys.byteorder) for at in range(0, len(payload), 4)
            ]
    return data, descriptors


def preload():
    import importlib

    for name in PRELOADED:
        importlib.import_module(name)
    try:
        importlib.import_module("boto3")
        importlib.import_module("botocore.httpsession")
    except Exception:  # a function that needs it will say so itself
        pass
    gc.collect()
    gc.freeze()  # so that a collection in an environment does not copy every page that it shares with us


def site_builtins():
    """`exit()` and its like, which come with `site`; the rest of it would put foreign folders into the path."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()


def start(control, request, output, environments, *parents_own):
    try:
        pid = os.fork()
    except OSError as failure:
        os.close(output)
        tell(control, {"started": request["id"], "failure": failure.strerror})
        return
    if pid == 0:
        try:
            for descriptor in (control.fileno(), *parents_own):
                os.close(descriptor)
            become_environment(request, output)
        except SystemExit as left:
            code = left.code
            flush()
            os._exit(code if isinstance(code, int) else 0 if code is None else 1)
        except BaseException:
            import traceback

            traceback.print_exc()
            flush()
            os._exit(1)
        flush()
        os._exit(0)
    os.close(output)
    environments.add(pid)
    tell(control, {"started": request["id"], "pid": pid})


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def tell(control, message):
    control.sendall(json.dumps(message).encode() + b"\n")


def reap(control, environments):
    ended = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        ended.append((pid, status))
    if ended:
        end_orphans(environments - {pid for pid, _ in ended})
    for pid, status in ended:
        if pid in environments:
            environments.discard(pid)
            tell(control, {"ended": pid, "status": status})


def end_orphans(alive):
    """Whatever an environment forked, into its own session or not, the kernel hands to us when the environment ends;
    while it lives, such orphans are its own. So a child that is no living environment has nobody left."""
    for pid, parent in processes():
        if parent == os.getpid() and pid not in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


def processes():
    """Every process with its parent."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for name in names:
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                yield int(name), int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue


def end(environments):
    """Kill what is there and what is handed to us then, until nobody is left."""
    for pid in environments:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
    try:
        while True:
            end_orphans(set())
            os.waitpid(-1, 0)
    except ChildProcessError:
        os._exit(0)


def become_environment(request, output):
    zygote = os.getppid()
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    wire_output(output)
    for name, soft in request["limits"].items():
        limit(getattr(resource, name), soft)
    notes = enter_sandbox(request)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the sandbox: a change of credentials clears it
    if os.getppid() != zygote:
        os._exit(0)
    environment = request["environment"]
    environment.update(notes["paths"])
    environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(output)
    environment.setdefault("PYTHONPATH", request["runtime"])
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(environment["LAMBDA_TASK_ROOT"])
    set_import_paths(environment, request["runtime"], request.get("pycache"))
    random.seed()
    sys.stdout = open(1, "w", 1, "utf-8", "backslashreplace", closefd=False)
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    for line in request["notes"] + notes["notes"]:
        print(line)
    sys.argv = ["bootstrap", environment["_HANDLER"]]
    from awslambdaric.__main__ import main as run_bootstrap

    run_bootstrap(sys.argv)


def wire_output(output):
    """One pipe for prints, for what subprocesses write, and for the frames of log records, so that they keep their
    order."""
    os.set_inheritable(output, False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(output, 1)
    os.dup2(output, 2)


def limit(what, soft):
    try:
        _, hard = resource.getrlimit(what)
        value = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(what, (value, value))
    except (OSError, ValueError):
        pass


def enter_sandbox(request):
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
        return {"paths": mounted(request), "notes": []}
    except OSError as failure:
        note = "Nightbus: no sandbox here (%s); /tmp is the machine's own, use $TMPDIR." % failure.strerror
        return {"paths": real, "notes": [note]}


def why_no_sandbox():
    """Tried out once by a child, since half a sandbox could not be left again; empty when it works."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            unshare()
            mount(None, "/", None, MS_REC | MS_PRIVATE)
            mount("tmpfs", "/var", "tmpfs", 0, "mode=755,size=1m")
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
    mount("tmpfs", "/var", "tmpfs", 0, "mode=755,size=1m")
    for name in ("task", "runtime", "tmp"):
        os.mkdir("/var/" + name)
    read_only(request["code"], "/var/task")
    read_only(request["runtime"], "/var/runtime")
    paths = {"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime"}
    if request["layers"]:
        read_only(request["layers"], "/opt")
        paths["NIGHTBUS_LAYERS"] = "/opt"
    if request.get("pycache"):
        os.mkdir("/var/pycache")
        mount(request["pycache"], "/var/pycache", None, MS_BIND)
        request["pycache"] = "/var/pycache"
    mount(request["tmp"], "/tmp", None, MS_BIND)
    for hidden in request["hidden"]:
        if os.path.isdir(hidden):
            mount("tmpfs", hidden, "tmpfs", MS_RDONLY, "mode=000,size=4k")
    return paths


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


def prctl(option, value):
    if sys.platform == "linux":
        libc.prctl(option, value, 0, 0, 0)


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def set_import_paths(environment, runtime, pycache):
    """The function's own code first, its layers, the standard library, then what the runtime brings.

    That stays at the path from which some of it was imported before the fork.
    """
    standard = [
        path for path in sys.path if path and path != sys.argv[1] and not path.endswith("site-packages")
    ]
    standard = [path for path in standard if path != os.path.dirname(os.path.abspath(__file__))]
    layers = environment.pop("NIGHTBUS_LAYERS", "")
    os.environ.pop("NIGHTBUS_LAYERS", None)
    version = "python%d.%d" % sys.version_info[:2]
    opt = [os.path.join(layers, "python", "lib", version, "site-packages"), os.path.join(layers, "python")]
    task = environment["LAMBDA_TASK_ROOT"]
    own = [path for path in environment["PYTHONPATH"].split(":") if path and path != runtime]
    opt = own + (opt if layers else [])
    sys.path[:] = [task] + opt + standard + [runtime]
    sys.path_importer_cache.clear()
    if pycache:
        sys.pycache_prefix = pycache
    forget_overridden([task] + opt)


def forget_overridden(folders):
    """What the function brings itself wins over what was imported before it was there."""
    own = [name for name in AWS_PACKAGES for folder in folders if os.path.exists(os.path.join(folder, name))]
    own += [
        name
        for name in AWS_PACKAGES
        for folder in folders
        if os.path.exists(os.path.join(folder, name + ".py"))
    ]
    if own:
        for loaded in [module for module in sys.modules if module.split(".")[0] in AWS_PACKAGES]:
            del sys.modules[loaded]


if __name__ == "__main__":
    main()
