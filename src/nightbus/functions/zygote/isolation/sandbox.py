"""Puts a process that a zygote forked into its sandbox, and says what protects functions here.

With namespaces (`namespaces`) a function sees its code at /var/task, its layers at /opt, a /tmp of its own, and of the
machine only its programs. Without, it runs at the real paths; landlock and limits are left then. The filter of system
calls (`seccomp`) applies in both.
"""

import os
import resource
import sys

from . import landlock, linux, root_folder, seccomp
from .namespaces import CannotGoBack as CannotGoBack
from .namespaces import Maker, leave_pid_namespace

MOST_PROCESSES = 1024  # of an environment, threads counted, as on AWS


class Sandbox:
    """What a zygote has to protect its environments with; tried out at its start."""

    def __init__(self, needed, without="", network=False):
        """`needed`: paths that functions must be able to read. `without`: why namespaces are not to be tried. With
        `network`, each environment has a network of its own, or is refused."""
        self.maker, self.no_namespaces = (None, without) if without else Maker.start(needed, network)
        on_linux = sys.platform == "linux"
        self._filter = seccomp.compiled() if on_linux else b""
        self._landlock = landlock.version() if on_linux else 0

    def layers(self):
        """What protects functions, as the node logs it."""
        return {
            "namespaces": self.no_namespaces or True,
            "seccomp": bool(self._filter),
            "landlock": self._landlock,
        }

    def make(self, request, link=None):
        """Namespaces for a process that is forked next; None where there are none here. Raises OSError, also where a
        network of its own is wanted and cannot be had."""
        if request["network"] and (self.maker is None or not request["sandbox"]):
            reason = self.no_namespaces or "they would hide its runtime"
            raise OSError("functions_network is loopback, which needs namespaces: %s" % reason)
        if self.maker is None:
            return None
        if not request["sandbox"]:
            leave_pid_namespace()
            return None
        made = self.maker.make(_shown(request), link)
        try:
            self.maker.enter_pid_namespace(made)
        except OSError:
            made.close()
            raise
        return made

    def common(self, request):
        """What `reserve` takes, for requests as this one; None where nothing can be made ahead for them."""
        return root_folder.common(request) if self.maker is not None and request["sandbox"] else None

    def reserve(self, common):
        """Namespaces for a process that is forked next, before its request is there. Raises OSError."""
        made = self.maker.reserve(common)
        try:
            self.maker.enter_pid_namespace(made)
        except OSError:
            made.close()
            raise
        return made

    def show(self, request, made, process, link=None):
        """What `request` says will be there, for the process at the other end of the socket `process`. Raises
        OSError."""
        self.maker.show(made, _shown(request), process, link)

    def wait_shown(self, made):
        """Return when it is there. Raises OSError."""
        self.maker.wait_shown(made)

    def enter(self, request, made):
        """The process is what the function may be from here on. Returns the paths it sees, and log lines."""
        if made is not None:
            self.enter_namespaces(made)
            return self.paths(request)
        linux.be_killed_first()
        place = self._at_real_paths(request)
        self._filter_system_calls()
        return place

    def enter_namespaces(self, made):
        """`enter` for a process that may not know its request yet."""
        linux.be_killed_first()
        self.maker.join(made)
        made.forget_descriptor()
        resource.setrlimit(resource.RLIMIT_NPROC, (MOST_PROCESSES, MOST_PROCESSES))
        self._filter_system_calls()

    def paths(self, request):
        """The paths that a process in namespaces sees, and no log lines."""
        found = {"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime"}
        if request["layers"]:
            found["NIGHTBUS_LAYERS"] = "/opt"
        if request.get("pycache"):
            request["pycache"] = "/var/pycache"
        return {"paths": found, "notes": []}

    def _filter_system_calls(self):
        if self._filter:
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
            seccomp.load(self._filter)

    def _at_real_paths(self, request):
        os.mkdir(request["tmp"], 0o700)
        paths = {
            "LAMBDA_TASK_ROOT": request["code"],
            "LAMBDA_RUNTIME_DIR": request["runtime"],
            "TMPDIR": request["tmp"],
        }
        if request["layers"]:
            paths["NIGHTBUS_LAYERS"] = request["layers"]
        if not request["sandbox"]:
            return {"paths": paths, "notes": []}
        linux.drop_bounding_set()
        linux.drop_capabilities()
        said = (
            "Nightbus: no namespaces here (%s); /tmp is the machine's own, use $TMPDIR." % self.no_namespaces
        )
        if self._landlock:
            landlock.restrict(request, self._landlock)
            said += " Other files are closed (landlock)."
        return {"paths": paths, "notes": [said]}


def _shown(request):
    """What of a request makes the root folder."""
    return {name: request[name] for name in _ASKED}


_ASKED = (
    "code",
    "runtime",
    "layers",
    "pycache",
    "visible",
    "hidden",
    "links",
    "storage",
    "memory",
    "own_address",
    "network",
)
