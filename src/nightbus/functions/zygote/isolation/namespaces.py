"""Makes the namespaces of environments, and keeps each alive by an init process.

Processes
---------
zygote     Has everything imported that functions use. It forks the environments, which are its children.
maker      A small process, forked before the zygote imports anything, so that it forks fast. It makes a set of
           namespaces for each request (user, pid, mount, ipc, uts), the next one ahead while nothing else is to do.
init       The first process of such a pid namespace, forked by the maker. It mounts the environment's root, answers,
           and then only waits: the kernel reaps what the function leaves behind. It ends when its socket closes, which
           the zygote does when the environment ends; also where the zygote is killed. With it ends, by the kernel's
           doing, every process in the namespace, daemons too.
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

from . import linux, root_folder

_NAMESPACES = linux.CLONE_NEWUSER | linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
_UNPRIVILEGED = 65432  # the user of the machine that functions of root's node run as
_HOST_NAME = "169.254.100.5"  # of that form on AWS, and resolved without a server
_LONGEST = 1 << 20
_SECONDS = 20.0
_CALM_SECONDS = 0.03  # without a request, after which the next namespaces are made ahead
_PROC_OF_MACHINE = root_folder.MACHINE + "/proc"


class CannotGoBack(OSError):
    """This process can fork nothing more; one that is executed in its place can."""


class Maker:
    """The zygote's side of the process that makes namespaces."""

    def __init__(self, pid, channel, split):
        self.pid = pid
        self._channel = channel
        self._split = split  # another user than root

    @classmethod
    def start(cls, needed):
        """The maker, and why there is none. `needed`: paths that a function must be able to read then.

        It is tried out: a process enters the first namespaces and looks.
        """
        if sys.platform != "linux":
            return None, "this is not Linux"
        reasons = []
        for split in (True, False) if os.getuid() == 0 else (False,):
            maker = None
            try:
                if not split:
                    _own_user_namespace()
                maker = cls._forked(split)
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
    def _forked(cls, split):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            try:
                linux.close_all_but([theirs.fileno()])
                _serve(theirs, split)
            finally:
                os._exit(1)
        theirs.close()
        ours.settimeout(_SECONDS)
        return cls(pid, ours, split)

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

    def make(self, request):
        """New namespaces, with a root folder as `request` says. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_SECONDS)
        try:
            with theirs:
                data = json.dumps(request).encode()
                descriptors = theirs.fileno().to_bytes(4, sys.byteorder)
                self._channel.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
            said = {}
            while "pid" not in said or "ready" not in said:
                said.update(json.loads(ours.recv(_LONGEST) or b'{"failure": "they ended"}'))
                if "failure" in said:
                    raise OSError("no namespaces: %s" % said["failure"])
            return Made(said["pid"], linux.pidfd_open(said["pid"]), ours)
        except BaseException:
            ours.close()
            raise

    def enter_pid_namespace(self, made):
        """What this process forks next is in it."""
        linux.set_namespaces(made.descriptor, linux.CLONE_NEWPID)

    def join(self, made):
        """This process, forked after `enter_pid_namespace`, becomes what a function is; nothing leads back."""
        linux.set_namespaces(made.descriptor, _NAMESPACES)
        linux.drop_bounding_set()
        if self._split:
            os.setgroups([root_folder.GID])
        os.setresgid(root_folder.GID, root_folder.GID, root_folder.GID)
        os.setresuid(root_folder.UID, root_folder.UID, root_folder.UID)
        linux.drop_capabilities()
        linux.prctl(linux.PR_SET_DUMPABLE, 1)  # else its own /proc/self would be closed to it


class Made:
    """The namespaces of one environment: the pid of their init process, a pidfd of it, and the socket it lives by."""

    def __init__(self, pid, descriptor, lifeline):
        self.pid = pid
        self.descriptor = descriptor
        self.lifeline = lifeline

    def close(self):
        """End everything in them."""
        self.lifeline.close()
        self.forget_descriptor()

    def forget_descriptor(self):
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


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


def _own_user_namespace():
    uid, gid = os.getuid(), os.getgid()
    linux.unshare(linux.CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", "%d %d 1" % (uid, uid))
    _write("/proc/self/gid_map", "%d %d 1" % (gid, gid))


def _write(path, text):
    with open(
        path, "wb"
    ) as file:  # text needs a module up to Python 3.9, and the machine's folders are left by then
        file.write(text.encode())


def _serve(channel, split):
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
            spare = _Spare(split, folders.count)
        data, ancillary, _, _ = channel.recvmsg(_LONGEST, socket.CMSG_SPACE(4))
        if not data:
            os._exit(0)
        descriptor = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        with socket.socket(fileno=descriptor) as lifeline:
            try:
                request = json.loads(data)
                folder = folders.of(request["visible"], request["hidden"], request["links"])
                if spare is None or spare.folders != folders.count:
                    spare = _Spare(split, folders.count)
                spare.use(folder, request, lifeline)
            except Exception as failure:
                _tell(lifeline, failure=str(failure) or type(failure).__name__)
        spare = None


def _tell(lifeline, **message):
    lifeline.send(json.dumps(message).encode())


class _Spare:
    """Namespaces that nobody uses yet. Those that are made ahead save their environment some milliseconds.

    Its mounts are a copy of the maker's, so that it knows only the `folders` that were there before it.
    """

    def __init__(self, split, folders):
        self.folders = folders
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mapped, unshared = os.pipe(), os.pipe()
        middle = os.fork()
        if middle == 0:
            try:
                linux.close_all_but([theirs.fileno(), mapped[0], unshared[1]])
                _unshare_all(split, mapped[0], unshared[1])
                init = os.fork()
                if init == 0:
                    _be_init(theirs)
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
                _map_users(str(middle), ["0 0 1", "%d %d 1" % (root_folder.UID, _UNPRIVILEGED)],
                           ["0 0 1", "%d %d 1" % (root_folder.GID, _UNPRIVILEGED)], deny=False)  # fmt: skip
                os.write(mapped[1], b".")
        finally:
            for descriptor in (mapped[1], unshared[0]):
                os.close(descriptor)

    def use(self, folder, request, lifeline):
        """Its init process answers on the lifeline when the root folder is there, and lives by that."""
        with self._channel:
            said = json.loads(self._channel.recv(_LONGEST) or b'{"failure": "they ended"}')
            if "pid" in said:
                data = json.dumps({"folder": folder, "request": request}).encode()
                descriptors = lifeline.fileno().to_bytes(4, sys.byteorder)
                self._channel.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        _tell(lifeline, **said)


def _unshare_all(split, mapped, unshared):
    """For the process between the maker and the init process: only a child is in a new pid namespace."""
    linux.unshare(_NAMESPACES | linux.CLONE_NEWPID)
    if split:
        os.write(unshared, b".")
        if not os.read(mapped, 1):
            raise OSError("users could not be mapped")
    else:
        _map_users("self", ["%d %d 1" % (root_folder.UID, os.getuid())],
                   ["%d %d 1" % (root_folder.GID, os.getgid())], deny=True)  # fmt: skip


def _map_users(process, users, groups, deny):
    folder = "%s/%s/" % (_PROC_OF_MACHINE, process)
    if deny:
        _write(folder + "setgroups", "deny")
    _write(folder + "uid_map", "\n".join(users))
    _write(folder + "gid_map", "\n".join(groups))


def _be_init(channel):
    """Wait for what to show and for the lifeline, make the root folder, and wait for the lifeline's end."""
    lifeline = None
    try:
        linux.close_all_but([channel.fileno()])
        linux.set_host_name(_HOST_NAME)
        root_folder.own_mounts()
        data, ancillary, _, _ = channel.recvmsg(_LONGEST, socket.CMSG_SPACE(4))
        if not data:
            os._exit(0)
        lifeline = socket.socket(fileno=int.from_bytes(ancillary[0][2][:4], sys.byteorder))
        channel.close()
        order = json.loads(data)
        root_folder.enter(order["folder"], order["request"])
        _tell(lifeline, ready=True)
        root_folder.forget_machine()
    except Exception as failure:
        if lifeline is not None:
            _tell(lifeline, failure=str(failure) or type(failure).__name__)
        os._exit(1)
    try:
        while lifeline.recv(64):
            pass
    finally:
        os._exit(0)
