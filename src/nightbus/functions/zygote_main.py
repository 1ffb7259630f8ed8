"""Runs inside a zygote: a Python process that has imported what functions use and forks an environment per request.

This file is run by path, by any Python from 3.8 on, without Nightbus importable: standard library only. It reads
requests (one JSON object each, with the descriptor of the output pipe beside it) from the socket that it is given,
answers each with the pid of the new process, and tells of every process that ended. When the socket closes, it and all
that it forked end.
"""

import ctypes
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
RAW_FRAME = 0xA55A00FF
LARGEST_FRAME = 3500
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
    preload()
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control = socket.socket(fileno=int(sys.argv[2]))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environments = {}
    buffer = b""
    while True:
        ready, _, _ = select.select([control, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            reap(control, environments)
        if control in ready:
            data, descriptors = receive(control)
            if not data:
                end(environments)
            buffer += data
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                start(control, json.loads(line), descriptors.pop(0), environments, wake_read, wake_write)


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


def start(control, request, output, environments, *parents_own):
    pid = os.fork()
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
    environments[pid] = request["environment"]["AWS_LAMBDA_RUNTIME_API"]
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
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        address = environments.pop(pid, None)
        if address is not None:
            end_orphans(address, environments)
            tell(control, {"ended": pid, "status": status})


def end_orphans(address, environments):
    """What the function forked away from its process group was handed to us by the kernel; it ends with its parent."""
    mark = b"AWS_LAMBDA_RUNTIME_API=" + address.encode()
    try:
        with open("/proc/self/task/%d/children" % os.getpid()) as listing:
            children = [int(pid) for pid in listing.read().split()]
    except OSError:
        return
    for pid in children:
        try:
            with open("/proc/%d/environ" % pid, "rb") as environ:
                ours = mark in environ.read().split(b"\0")
            if ours and pid not in environments:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            continue


def end(environments):
    for pid in list(environments):
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
    os._exit(0)


def become_environment(request, output):
    zygote = os.getppid()
    os.setsid()
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != zygote:
        os._exit(0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    wire_output(output)
    for name, soft in request["limits"].items():
        limit(getattr(resource, name), soft)
    notes = enter_sandbox(request)
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
    sys.stdout = sys.stderr = FramedOutput(output)
    for line in request["notes"] + notes["notes"]:
        sys.stdout.write(line + "\n")
    sys.argv = ["bootstrap", environment["_HANDLER"]]
    from awslambdaric.__main__ import main as run_bootstrap

    run_bootstrap(sys.argv)


def wire_output(output):
    """Raw writes to descriptors 1 and 2 (subprocesses, C code) go through `sys.stdout`'s pipe as frames only when they
    are Python's; the others get a pipe of their own that a thread frames."""
    os.set_inheritable(output, False)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    read, write = os.pipe()
    os.dup2(write, 1)
    os.dup2(write, 2)
    os.close(write)
    os.close(null)
    import threading

    threading.Thread(target=forward, args=(read, output), daemon=True).start()


def forward(read, output):
    while True:
        data = os.read(read, LARGEST_FRAME)
        if not data:
            return
        os.write(output, frame(data))


def frame(data):
    stamp = int(time.time() * 1000000)
    return RAW_FRAME.to_bytes(4, "big") + len(data).to_bytes(4, "big") + stamp.to_bytes(8, "big") + data


class FramedOutput:
    """Stands for `sys.stdout` and `sys.stderr`: one pipe, so that prints and log records keep their order."""

    encoding = "utf-8"
    errors = "backslashreplace"
    closed = False
    newlines = None
    line_buffering = True
    mode = "w"
    name = "<stdout>"

    def __init__(self, output):
        self._output = output
        self.buffer = self

    def write(self, text):
        data = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else bytes(text)
        for at in range(0, len(data), LARGEST_FRAME):
            os.write(self._output, frame(data[at : at + LARGEST_FRAME]))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def fileno(self):
        return 1

    def isatty(self):
        return False

    def writable(self):
        return True

    def readable(self):
        return False

    def seekable(self):
        return False

    def close(self):
        pass


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
    mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


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


def set_import_paths(environment, runtime, pycache):
    """The function's own code first, its layers, the standard library, then what the runtime brings.

    That stays at the path from which some of it was imported before the fork.
    """
    standard = [
        path for path in sys.path if path and path != sys.argv[1] and not path.endswith("site-packages")
    ]
    standard = [path for path in standard if path != os.path.dirname(os.path.abspath(__file__))]
    layers = environment.pop("NIGHTBUS_LAYERS", None)
    os.environ.pop("NIGHTBUS_LAYERS", None)
    version = "python%d.%d" % sys.version_info[:2]
    opt = (
        [os.path.join(layers, "python", "lib", version, "site-packages"), os.path.join(layers, "python")]
        if layers
        else []
    )
    task = environment["LAMBDA_TASK_ROOT"]
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
