"""Builds the root folder that an environment sees: of the machine, only its programs and libraries.

What is the same for all environments of a zygote is mounted once (`RootFolders.of`), below the root of the process that
makes namespaces; a new environment gets a copy of these mounts and adds its own (`enter`). The machine's real root lies
at `MACHINE` meanwhile.

Files are opened for bytes: up to Python 3.9 the encoding of text is a module, which this root folder does not have.
"""

import json
import os

from . import linux

MACHINE = "/old"  # where `leave_machine` puts the real root
_CLOSED, _OLD = "closed", "closed/old"  # the machine's root in an environment, until it is unmounted there
_MACHINE_LATER = "/" + _OLD + MACHINE
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu")
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "fonts", "gai.conf", "host.conf",
    "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release",
    "pki", "protocols", "resolv.conf", "services", "ssl", "timezone",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
USER, UID, GROUP, GID = "sbx_user1051", 993, "sbx_group1051", 990  # as on AWS
_PASSWD = "root:x:0:0:root:/root:/bin/bash\n%s:x:%d:%d::/home/%s:/sbin/nologin\n" % (USER, UID, GID, USER)
_GROUPS = "root:x:0:\n%s:x:%d:\n" % (GROUP, GID)
_FOLDERS = (
    _CLOSED, _OLD, "proc", "dev", "dev/shm", "etc", "tmp", "opt", "root", "home", "var", "var/task", "var/runtime",
    "var/pycache", "var/lang", "var/lang/bin", "run",
)  # fmt: skip
_INODES_PER_MEGABYTE = 256
_SMALL = "mode=755,size=1m,nr_inodes=4k"


def leave_machine():
    """Give this process a root of its own, with the machine's at MACHINE. It has a mount namespace of its own."""
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", "/tmp", "tmpfs", 0, _SMALL)
    os.mkdir("/tmp" + MACHINE)
    linux.pivot_root("/tmp", "/tmp" + MACHINE)
    os.chdir("/")


class RootFolders:
    """The parts that environments have in common, by what beside the system is to be visible."""

    def __init__(self):
        self._known = {}

    @property
    def count(self):
        return len(self._known)

    def of(self, request):
        """The number of the folder with the common part. `visible`: files and folders, shown at their own paths,
        read-only. `links`: where symbolic links lead, by their paths; their folders are there."""
        known = json.dumps(common(request))
        if known not in self._known:
            folder = path(len(self._known))
            os.mkdir(folder)
            linux.mount("tmpfs", folder, "tmpfs", 0, _SMALL)
            _fill(folder, request["visible"], request["hidden"])
            for link, goal in request["links"].items():
                os.symlink(goal, folder + link)
            linux.set_attributes(folder, linux.ATTR_RDONLY | linux.ATTR_NOSUID)
            self._known[known] = len(self._known)
        return self._known[known]


def common(request):
    """What of a request makes the common part."""
    return {name: request[name] for name in ("visible", "hidden", "links")}


def path(number):
    return "/root%d" % number


def _fill(folder, visible, hidden):
    for name in _FOLDERS:
        os.mkdir(folder + "/" + name)
    os.chmod(folder + "/" + _CLOSED, 0)  # nobody without capabilities comes through
    shown = []
    for name in _SYSTEM:
        real = MACHINE + "/" + name
        if os.path.islink(real):
            os.symlink(os.readlink(real), folder + "/" + name)
        elif os.path.isdir(real):
            _show(folder, "/" + name)
        else:
            continue
        shown.append("/" + name)
    for name in _ETC:
        _show(folder, "/etc/" + name)
    for name, text in (("passwd", _PASSWD), ("group", _GROUPS)):
        with open("%s/etc/%s" % (folder, name), "wb") as file:
            file.write(text.encode())
    for name in _DEVICES:
        _show(folder, "/dev/" + name)
    for name, goal in _DEVICE_LINKS.items():
        os.symlink(goal, "%s/dev/%s" % (folder, name))
    for path in visible:
        if not any(_is_below(path, one) for one in shown):
            _show(folder, path)
            shown.append(path)
    _hide(folder, hidden, visible)


def _hide(root, hidden, visible):
    """Cover those of the folders that lie within something visible."""
    for path in hidden:
        if os.path.isdir(root + path) and not any(_is_below(one, path) for one in visible):
            linux.mount("tmpfs", root + path, "tmpfs", linux.MS_RDONLY, "mode=000,size=4k")


def _is_below(path, folder):
    return path == folder or path.startswith(folder + "/")


def machine_path(path, machine=MACHINE):
    """Where a path of the machine lies for this process, with no link of the machine on the way. `machine`: where its
    root lies."""
    parts, found, links = path.split("/")[::-1], "", 0
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            found = found.rpartition("/")[0]
            continue
        here = found + "/" + part
        if links < 40 and os.path.islink(machine + here):
            links += 1
            goal = os.readlink(machine + here)
            parts += goal.split("/")[::-1]
            found = "" if goal.startswith("/") else found
        else:
            found = here
    return machine + found


def _show(folder, path):
    """What the machine has at the path, at the same path below `folder`; nothing where it has nothing there."""
    source, target = machine_path(path), folder + path
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "ab"):
            pass
    else:
        return
    linux.bind(source, target)


def own_mounts():
    """What is mounted from here on in this process's new mount namespace is seen in no other."""
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)


def enter(folder):
    """Make `folder` the root of this process's own mount namespace, and of each other process in it."""
    linux.bind(folder, folder)
    linux.pivot_root(folder, folder + "/" + _OLD)
    os.chdir("/")
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)


def add_own(request):
    """Add what is the environment's own. Its paths are the machine's, whose root lies at `_OLD` now."""
    sources = {
        name: machine_path(request[name], _MACHINE_LATER)
        for name in ("code", "runtime", "layers", "pycache")
        if request.get(name)
    }
    _read_only(sources["code"], "/var/task")
    _read_only(sources["runtime"], "/var/runtime")
    if "layers" in sources:
        _layers(sources["layers"], [path for path in request["visible"] if _is_below(path, "/opt")])
    if "pycache" in sources:
        linux.bind(sources["pycache"], "/var/pycache")
    storage, memory = request["storage"], request["memory"]
    flags = linux.MS_NOSUID | linux.MS_NODEV
    inodes = storage * _INODES_PER_MEGABYTE
    linux.mount("tmpfs", "/tmp", "tmpfs", flags, "mode=1777,size=%dm,nr_inodes=%d" % (storage, inodes))
    for path in request["visible"]:
        if _is_below(path, "/tmp"):
            _show_again(machine_path(path, _MACHINE_LATER), path)
    _hide(
        "",
        [path for path in request["hidden"] if _is_below(path, "/tmp") or _is_below(path, "/opt")],
        request["visible"],
    )
    linux.mount("tmpfs", "/dev/shm", "tmpfs", flags, "mode=1777,size=%dm,nr_inodes=4k" % memory)
    if request.get("own_address"):
        _name_itself(request["own_address"])


def _name_itself(address):
    """The names by which AWS lets telemetry be sent to a listener in the sandbox."""
    known, own = "/etc/hosts", "/dev/shm/hosts"
    if os.path.exists(known):
        with open(known, "rb") as file, open(own, "wb") as copy:
            copy.write(file.read().rstrip(b"\n"))
            copy.write(("\n%s sandbox.localdomain sandbox\n" % address).encode())
        os.chmod(own, 0o644)
        _read_only(own, known)
        os.unlink(own)


def forget_machine():
    """Unmount the machine's root. It takes milliseconds; nobody waits, since it is closed already."""
    linux.unmount("/" + _OLD)


def _layers(source, visible):
    """At /opt; beside a Python that lies there."""
    if not visible:
        return _read_only(source, "/opt")
    machines = _MACHINE_LATER
    linux.mount("tmpfs", "/opt", "tmpfs", 0, _SMALL)
    for base, names in ((source, os.listdir(source)), (machines, [path.lstrip("/") for path in visible])):
        for name in names:
            target = "/opt/" + name if base == source else "/" + name
            if os.path.islink(base + "/" + name) and base == source:
                os.symlink(os.readlink(base + "/" + name), target)
            elif os.path.isdir(base + "/" + name):
                os.makedirs(target, exist_ok=True)
                _read_only(base + "/" + name, target)
            elif not os.path.exists(target):
                open(target, "wb").close()
                _read_only(base + "/" + name, target)


def _show_again(source, target):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "ab").close()
    _read_only(source, target)


def _read_only(source, target):
    linux.bind(source, target)
    linux.set_attributes(target, linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NODEV)
