"""Makes the namespaces of environments, and keeps each alive by an init process.

Processes
---------
zygote     Has everything imported that functions use. It forks the environments, which are its children, one of them
           ahead (`spare_environment`).
maker      A small process, forked before the zygote imports anything, so that it forks fast. It makes a set of
           namespaces for each request (user, pid, mount, ipc, uts, and net where the node's setting says so), the
           next one ahead while nothing else is to do.
init       The first process of such a pid namespace, forked by the maker. It mounts the environment's root, answers,
           and then only waits for what the node asks (`orders`): to freeze and thaw the environment, and for sockets
           of its network. The kernel reaps what the function leaves behind. It ends when its socket closes, which the
           zygote does when the environment ends; also where the zygote is killed. With it ends, by the kernel's doing,
           every process in the namespace, daemons too.
function   Forked by the zygote into the pid namespace (`Maker.enter_pid_namespace`, before the fork), where it is not
           the first process, so that signals do to it what they do on AWS. It enters the other namespaces itself
           (`join`), and keeps no capability.

Users
-----
A zygote of a node that is not root puts itself into a user namespace: only so may it fork into namespaces that it
owns. In the environment's namespace the node's user appears as AWS's sbx_user1051. A node that runs as root maps
another user of the machine to that, so that functions do not run as root. Where that cannot be, or that user cannot
read Python, it does as others do.
"""

import gc
import json
import os
import select
import signal
import socket
import sys

from . import linux, orders, own_network, root_folder, user_maps

_NAMESPACES = linux.CLONE_NEWUSER | linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
_UNPRIVILEGED = 65432  # the user of the machine that functions of root's node run as
_HOST_NAME = "169.254.100.5"  # of that form on AWS, and resolved without a server
_LONGEST = 1 << 20
_SECONDS = 20.0
_CALM_SECONDS = 0.03  # without a request, after which the next are made ahead


class CannotGoBack(OSError):
    """This process can fork nothing more; one that is executed in its place can."""


class Maker:
    """The zygote's side of the process that makes namespaces."""

    def __init__(self, pid, channel, split, network):
        self.pid = pid
        self._channel = channel
        self._split = split  # another user than root
        self._network = network

    @classmethod
    def start(cls, needed, network=False):
        """The maker, and why there is none. `needed`: paths that a function must be able to read then. With `network`,
        each environment has a network of its own.

        It is tried out: a process enters the first namespaces and looks.
        """
        if sys.platform != "linux":
            return None, "this is not Linux"
        reasons = []
        for split in (True, False) if os.getuid() == 0 else (False,):
            maker = None
            try:
                if not split:
                    user_maps.own_user_namespace()
                maker = cls._forked(split, network)
                maker._try(needed)
                return maker, ""
            except Exception as failure:
                reasons.append(str(failure) or type(failure).__name__)
                if maker is not None:
                    maker._end()
                try:
                    leave_pid_namespace()
                except CannotGoBack:
                    raise CannotGoBack(", and: ".join(reasons)) from None
        return None, ", and: ".join(reasons)

    @classmethod
    def _forked(cls, split, network):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            try:
                linux.close_all_but([theirs.fileno()])
                _serve(theirs, split, network)
            finally:
                os._exit(1)
        theirs.close()
        ours.settimeout(_SECONDS)
        return cls(pid, ours, split, network)

    def _end(self):
        self._channel.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _try(self, needed):
        folder = os.path.dirname(os.path.abspath(__file__))
        request = {
            "code": folder, "runtime": folder, "hidden": [], "links": {}, "storage": 1, "memory": 1,
            "visible": [path if os.path.isdir(path) else os.path.dirname(path) for path in needed],
        }  # fmt: skip
        made = self.make(request)
        try:
            self.enter_pid_namespace(made)
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                text = "it could not be entered"
                try:
                    self.join(made)
                    closed = [path for path in needed if not os.access(path, os.R_OK)]
                    text = "%s cannot be read" % closed[0] if closed else ""
                except Exception as failure:
                    text = str(failure) or text
                os.write(write, text.encode())
                os._exit(0)
            os.close(write)
            with os.fdopen(read, "rb") as answer:
                said = answer.read().decode()
            os.waitpid(pid, 0)
        finally:
            made.close()
        if said:
            raise OSError(said)

    def make(self, request, link=None):
        """New namespaces, with a root folder as `request` says. `link`: the socket on which the node gives orders, and
        gets the listeners at the addresses `request["network"]`. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_SECONDS)
        try:
            with theirs:
                data = json.dumps(request).encode()
                passed = [theirs.fileno()] if link is None else [theirs.fileno(), link]
                linux.send_descriptors(self._channel, data, passed)
            said = {}
            while "pid" not in said or "ready" not in said:
                said.update(_answer(ours.recv(_LONGEST)))
            return Made(said["pid"], linux.pidfd_open(said["pid"]), ours)
        except BaseException:
            ours.close()
            raise

    def reserve(self, common):
        """Namespaces in which nothing is there until `show` but what environments have in common
        (`root_folder.common`). Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_SECONDS)
        with ours:
            with theirs:
                data = json.dumps({"reserve": common}).encode()
                linux.send_descriptors(self._channel, data, [theirs.fileno()])
            data, descriptors = linux.receive_descriptors(ours, _LONGEST, 1)
        pid, lifeline = _answer(data)["pid"], socket.socket(fileno=descriptors[0])
        return Made(pid, linux.pidfd_open(pid), lifeline, common)

    def show(self, made, request, process, link=None):
        """What `make` does, for those of `reserve`. Their init process sends a byte on `process` when all is there.
        Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with made.lifeline, theirs:
            passed = [theirs.fileno(), process.fileno(), *([] if link is None else [link])]
            data = json.dumps({"request": request, "process": True}).encode()
            linux.send_descriptors(made.lifeline, data, passed)
        made.lifeline = ours

    def wait_shown(self, made):
        """Return when what `show` asked for is there. Raises OSError."""
        made.lifeline.settimeout(_SECONDS)
        _answer(made.lifeline.recv(_LONGEST))

    def enter_pid_namespace(self, made):
        """What this process forks next is in it."""
        linux.set_namespaces(made.descriptor, linux.CLONE_NEWPID)

    def join(self, made):
        """This process, forked after `enter_pid_namespace`, becomes what a function is; nothing leads back."""
        linux.set_namespaces(made.descriptor, _namespaces(self._network))
        linux.drop_bounding_set()
        if self._split:
            os.setgroups([root_folder.GID])
        os.setresgid(root_folder.GID, root_folder.GID, root_folder.GID)
        os.setresuid(root_folder.UID, root_folder.UID, root_folder.UID)
        linux.drop_capabilities()
        linux.prctl(linux.PR_SET_DUMPABLE, 1)  # else its own /proc/self would be closed to it


class Made:
    """The namespaces of one environment: the pid of their init process, a pidfd of it, and the socket it lives by."""

    def __init__(self, pid, descriptor, lifeline, common=None):
        self.pid = pid
        self.descriptor = descriptor
        self.lifeline = lifeline
        self.common = common  # where they were made ahead

    def close(self):
        """End everything in them."""
        self.lifeline.close()
        self.forget_descriptor()

    def forget_descriptor(self):
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _answer(data):
    said = json.loads(data or b'{"failure": "they ended"}')
    if "failure" in said:
        raise OSError("no namespaces: %s" % said["failure"])
    return said


def _namespaces(network):
    return _NAMESPACES | (linux.CLONE_NEWNET if network else 0)


def leave_pid_namespace():
    """What this process forks next is in its own. Raises CannotGoBack where the kernel does not allow that."""
    try:
        own = os.open("/proc/self/ns/pid", os.O_RDONLY)
        try:
            linux.set_namespaces(own, linux.CLONE_NEWPID)
        finally:
            os.close(own)
    except OSError as failure:
        raise CannotGoBack(str(failure)) from failure


def _serve(channel, split, network):
    """The maker's life. It ends when the zygote closes the other end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.disable()  # a collection would copy the pages that init processes share with this one
    linux.unshare(linux.CLONE_NEWNS)
    root_folder.leave_machine()
    folders, spare = root_folder.RootFolders(), None
    while True:
        if spare is None and not select.select([channel], [], [], _CALM_SECONDS)[0]:
            spare = _Spare(split, network, folders.count)
        data, descriptors = linux.receive_descriptors(channel, _LONGEST, 2)
        if not data:
            os._exit(0)
        with socket.socket(fileno=descriptors[0]) as lifeline:
            try:
                request = json.loads(data)
                ahead = request.get("reserve")
                number = folders.of(ahead or request)
                if spare is None or spare.folders <= number:
                    spare = _Spare(split, network, folders.count)
                if ahead:
                    spare.hand_over(number, lifeline)
                else:
                    spare.use(number, request, lifeline, descriptors[1:])
            except Exception as failure:
                _tell(lifeline, failure=str(failure) or type(failure).__name__)
            finally:
                for descriptor in descriptors[1:]:
                    os.close(descriptor)
        spare = None


def _tell(lifeline, **message):
    lifeline.send(json.dumps(message).encode())


class _Spare:
    """Namespaces that nobody uses yet. Those that are made ahead save their environment some milliseconds.

    Its mounts are a copy of the maker's, so that it knows only the `folders` that were there before it.
    """

    def __init__(self, split, network, folders):
        self.folders = folders
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mapped, unshared = os.pipe(), os.pipe()
        middle = os.fork()
        if middle == 0:
            try:
                linux.close_all_but([theirs.fileno(), mapped[0], unshared[1]])
                _unshare_all(split, network, mapped[0], unshared[1])
                init = os.fork()
                if init == 0:
                    _be_init(theirs, network)
                _tell(theirs, pid=init)
            except Exception as failure:
                _tell(theirs, failure=str(failure) or type(failure).__name__)
            finally:
                os._exit(0)
        theirs.close()
        for descriptor in (mapped[0], unshared[1]):
            os.close(descriptor)
        try:
            if split and os.read(unshared[0], 1):
                users = ["0 0 1", "%d %d 1" % (root_folder.UID, _UNPRIVILEGED)]
                groups = ["0 0 1", "%d %d 1" % (root_folder.GID, _UNPRIVILEGED)]
                user_maps.map_users(str(middle), users, groups, deny=False)
                os.write(mapped[1], b".")
        finally:
            for descriptor in (mapped[1], unshared[0]):
                os.close(descriptor)

    def hand_over(self, number, answer):
        """The other end of `answer` gets the socket on which its init process, already in the root folder, waits for
        the rest of what to show."""
        with self._channel:
            said = _answer(self._channel.recv(_LONGEST))
            _tell(self._channel, folder=root_folder.path(number))
            data = json.dumps({"pid": said["pid"]}).encode()
            linux.send_descriptors(answer, data, [self._channel.fileno()])

    def use(self, number, request, lifeline, links):
        """Its init process answers on the lifeline when the root folder is there, and lives by that. `links`: as for
        `show`, in a list."""
        with self._channel:
            said = json.loads(self._channel.recv(_LONGEST) or b'{"failure": "they ended"}')
            if "pid" in said:
                _tell(self._channel, folder=root_folder.path(number))
                data = json.dumps({"request": request, "process": False}).encode()
                linux.send_descriptors(self._channel, data, [lifeline.fileno(), *links])
        _tell(lifeline, **said)


def _unshare_all(split, network, mapped, unshared):
    """For the process between the maker and the init process: only a child is in a new pid namespace."""
    linux.unshare(_namespaces(network) | linux.CLONE_NEWPID)
    if split:
        os.write(unshared, b".")
        if not os.read(mapped, 1):
            raise OSError("users could not be mapped")
    else:
        users = ["%d %d 1" % (root_folder.UID, os.getuid())]
        groups = ["%d %d 1" % (root_folder.GID, os.getgid())]
        user_maps.map_users("self", users, groups, deny=True)


def _be_init(channel, network):
    """Wait for what to show and for the lifeline, make the root folder, and wait for the lifeline's end."""
    lifeline = link = process = None
    try:
        linux.close_all_but([channel.fileno()])
        linux.set_host_name(_HOST_NAME)
        if network:
            own_network.bring_up_loopback()
        root_folder.own_mounts()
        data = channel.recv(_LONGEST)
        if not data:
            os._exit(0)
        root_folder.enter(json.loads(data)["folder"])
        data, descriptors = linux.receive_descriptors(channel, _LONGEST, 3)
        if not data:
            os._exit(0)
        order = json.loads(data)
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        lifeline = sockets.pop(0)
        process = sockets.pop(0) if order["process"] else None
        link = sockets.pop() if sockets else None
        channel.close()
        request = order["request"]
        root_folder.add_own(request)
        if network and link is not None:
            own_network.hand_over_listeners(link, request["network"])
        if process is not None:
            process.send(b".")
            process.close()
        _tell(lifeline, ready=True)
        root_folder.forget_machine()
    except Exception as failure:
        if lifeline is not None:
            _tell(lifeline, failure=str(failure) or type(failure).__name__)
        os._exit(1)
    try:
        orders.obey(lifeline, link)
    finally:
        os._exit(0)
