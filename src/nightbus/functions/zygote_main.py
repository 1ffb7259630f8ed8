"""Runs inside a zygote: a Python process that has imported what functions use and forks an environment per request.

This file is run by path, by any Python from 3.8 on, without Nightbus importable: standard library only, which holds
for `sandbox.py`, `runtime_client.py` and `sdk_models.py` as well. It reads requests (one JSON object each, with the
descriptor of the output pipe beside it, and more where there are
extensions) from the socket that it is given, answers each with the pid of the new process,
and tells of every process that ended. When the socket closes, it and all that it forked end.
"""

import ctypes
import gc
import importlib
import importlib.util
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
MOST_DESCRIPTORS = 3  # that come with one request
PR_SET_CHILD_SUBREAPER = 36
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
PRELOADED_AWS = (
    "boto3",
    "botocore.httpsession",
    "boto3.s3.inject",
    "awslambdaric.lambda_literals",
    "awslambdaric.__main__",
)
# What reads variables of the environment when it is imported, and these variables: imported again where one is set.
LOG_VARIABLES = ("AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL")
READS_LOG_VARIABLES = "awslambdaric.bootstrap"
REPORTS = (
    2  # the functions that make their clients in the handler have made them when they ask for the second time
)
AWS_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "simplejson")

libc = ctypes.CDLL(None, use_errno=True)


def neighbour(name):
    """A file beside this one, under no name that a function's own module could have."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("nightbus_" + name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sandbox = neighbour("sandbox")
runtime_client = neighbour("runtime_client")
supervisor = neighbour("supervisor")
sdk_models = neighbour("sdk_models")
zygote_programs = neighbour("zygote_programs")
client = runtime_client.RuntimeClient("")  # of the environment that is forked
models = sdk_models.SdkModels()


def main():
    os.environ.setdefault("HOME", "/home/sbx_user1051")  # where botocore looks for models of the user's own
    if sys.argv[1]:
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
    try:
        serve(control, environments, wake_read, wake_write, *sdk_models.pipe())
    except (BrokenPipeError, ConnectionResetError):  # the node is gone
        end(environments)


def serve(control, environments, wake_read, wake_write, learn_read, learn_write):
    buffer, descriptors = b"", []
    way, no_sandbox = sandbox.ways([path for path in (os.__file__, sys.argv[1]) if path])
    tell(control, {"no_sandbox": no_sandbox})
    while True:
        ready, _, _ = select.select([control, wake_read, learn_read], [], [])
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
                request["sandbox"] = way if request["sandbox"] else None
                request["learned"] = learn_write
                passed, descriptors = (
                    descriptors[: request["descriptors"]],
                    descriptors[request["descriptors"] :],
                )
                start(control, request, passed, environments, wake_read, wake_write, learn_read)
        elif learn_read in ready:
            learn(learn_read)


def learn(learn_read):
    """After what there is to fork, since it takes 10 to 100 ms. A line is whole, or a function wrote nonsense."""
    for line in os.read(learn_read, sdk_models.MOST_REPORTED).splitlines():
        if models.learn(line):
            settle_memory()


def receive(control):
    data, ancillary, _, _ = control.recvmsg(1 << 20, socket.CMSG_SPACE(MOST_DESCRIPTORS * 4))
    descriptors = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors += [
                int.from_bytes(payload[at : at + 4], sys.byteorder) for at in range(0, len(payload), 4)
            ]
    return data, descriptors


def preload():
    for name in PRELOADED:
        importlib.import_module(name)
    sys.modules["runtime_client"] = client
    for name in PRELOADED_AWS:
        try:
            importlib.import_module(name)
        except Exception:  # what needs it will say so itself
            pass
    del sys.modules["runtime_client"]  # a function may have a module of that name
    try:
        models.install()
    except Exception:
        pass
    settle_memory()


def settle_memory():
    """So that a collection in an environment does not copy every page that it shares with us."""
    gc.collect()
    gc.freeze()


def site_builtins():
    """`exit()` and its like, which come with `site`; the rest of it would put foreign folders into the path."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()


def start(control, request, passed, environments, *parents_own):
    try:
        pid = os.fork()
    except OSError as failure:
        close(passed)
        tell(control, {"started": request["id"], "failure": failure.strerror})
        return
    if pid == 0:
        try:
            for descriptor in (control.fileno(), *parents_own):
                os.close(descriptor)
            become_environment(request, *passed)
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
    close(passed)
    environments.add(pid)
    tell(control, {"started": request["id"], "pid": pid})


def close(descriptors):
    for descriptor in descriptors:
        os.close(descriptor)


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


def become_environment(request, output, *for_extensions):
    zygote = os.getppid()
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    wire_output(output)
    for name, soft in request["limits"].items():
        limit(getattr(resource, name), soft)
    debug_wait = neighbour("debug_wait") if request["debugger"] else None
    place = sandbox.enter(request)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the sandbox: a change of credentials clears it
    if os.getppid() != zygote:
        os._exit(0)
    environment = request["environment"]
    environment.update(place["paths"])
    environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(output)
    environment.update(PWD=environment["LAMBDA_TASK_ROOT"], SHLVL="0")  # what AWS's shell script leaves
    if request["extensions"]:
        layers = environment["NIGHTBUS_LAYERS"]
        supervisor.supervise(request["extensions"], layers, environment, *for_extensions)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    if request["programs"]:
        zygote_programs.execute(request["programs"], environment, output, place["notes"])
    environment.setdefault("PYTHONPATH", request["runtime"])
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(environment["LAMBDA_TASK_ROOT"])
    set_import_paths(environment, request["runtime"], request.get("pycache"))
    random.seed()
    # Open as long as the process lives.
    sys.stdout = open(1, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    for line in place["notes"]:
        print(line)
    if debug_wait:
        debug_wait.wait(request["debugger"])
    sys.argv = ["bootstrap", environment["_HANDLER"]]
    run_bootstrap(environment, request["learned"])


def run_bootstrap(environment, learned):
    client.address = environment["AWS_LAMBDA_RUNTIME_API"]
    client.before_next = models.reporter(learned)
    if any(name in environment for name in LOG_VARIABLES) and READS_LOG_VARIABLES in sys.modules:
        importlib.reload(sys.modules[READS_LOG_VARIABLES])
    sys.modules["runtime_client"] = client
    from awslambdaric.__main__ import main as bootstrap

    del sys.modules["runtime_client"]
    bootstrap(sys.argv)


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


def prctl(option, value):
    if sys.platform == "linux":
        libc.prctl(option, value, 0, 0, 0)


def set_import_paths(environment, runtime, pycache):
    """The function's own code first, its layers, the standard library, then what the runtime brings.

    That stays at the path from which some of it was imported before the fork.
    """
    standard = [
        path for path in sys.path if path and path != sys.argv[1] and not path.endswith("site-packages")
    ]
    layers = environment.pop("NIGHTBUS_LAYERS", "")
    os.environ.pop("NIGHTBUS_LAYERS", None)
    version = "python%d.%d" % sys.version_info[:2]
    opt = [os.path.join(layers, "python", "lib", version, "site-packages"), os.path.join(layers, "python")]
    task = environment["LAMBDA_TASK_ROOT"]
    own = [path for path in environment["PYTHONPATH"].split(":") if path and path != runtime]
    opt = own + (opt if layers else [])
    sys.path[:] = [task] + opt + standard + [runtime]
    for path, finder in list(sys.path_importer_cache.items()):
        if finder is None or path.startswith((task, "/opt")):  # not all: to free what is shared takes 2 ms
            del sys.path_importer_cache[path]
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
